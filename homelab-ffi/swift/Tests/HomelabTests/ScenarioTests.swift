import Foundation
import XCTest

@testable import Homelab

/// The sample lab is answered as in Rust, Python and Kotlin, to the byte. What is expected is made by Rust's own test.
final class ScenarioTests: XCTestCase {
    private let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private let at = "2026-12-01T12:00:00Z"

    func testQuestionsAreAnsweredWithTheSameBytesInEveryLanguage() async throws {
        let lab = try await Lab.load(path: repository.appendingPathComponent("examples/lab").path)
        let seen = try Observed.none(at: at)
        let questions = [
            "audit.json": "report",
            "exposure.json": "exposure service=immich/server",
            "posture.json": "posture",
            "services.json": "services",
        ]
        let expected = repository.appendingPathComponent("tests/scenario")
        let files = try FileManager.default.contentsOfDirectory(atPath: expected.path)
        XCTAssertEqual(files.sorted(), questions.keys.sorted())
        for (file, question) in questions {
            let wanted = try String(contentsOf: expected.appendingPathComponent(file), encoding: .utf8)
            XCTAssertEqual(try lab.answerJson(query: question, seen: seen), wanted, file)
        }
        XCTAssertEqual(lab.audit(seen: seen).toJson(), try lab.answerJson(query: "report", seen: seen))
    }

    func testAStoredLabIsOpenedOfflineWithTheSameAnswers() async throws {
        let lab = try await Lab.load(path: repository.appendingPathComponent("examples/lab").path)
        let stored = lab.toPrivateJson()
        let opened = try await Lab.fromJson(text: stored)
        let seen = try Observed.none(at: at)
        XCTAssertEqual(opened.audit(seen: seen).toJson(), lab.audit(seen: seen).toJson())
        do {
            let later = stored.replacingOccurrences(of: "\"version\":1", with: "\"version\":2")
            _ = try await Lab.fromJson(text: later)
            XCTFail("it is of a later version")
        } catch HomelabError.Unsupported(let detail, _, _, _, _) {
            XCTAssertTrue(detail.contains("version 2"))
        }
    }
}
