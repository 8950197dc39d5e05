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
            let said = try await lab.answerJson(query: question, seen: seen)
            XCTAssertEqual(said, wanted, file)
        }
        let report = try await lab.audit(seen: seen)
        let answer = try await lab.answerJson(query: "report", seen: seen)
        XCTAssertEqual(report.toJson(), answer)
    }

    func testAStoredLabIsOpenedOfflineWithTheSameAnswers() async throws {
        let lab = try await Lab.load(path: repository.appendingPathComponent("examples/lab").path)
        let stored = try await lab.toPrivateJson()
        let opened = try await Lab.fromJson(text: stored)
        let seen = try Observed.none(at: at)
        let (there, here) = (try await opened.audit(seen: seen), try await lab.audit(seen: seen))
        XCTAssertEqual(there.toJson(), here.toJson())
        do {
            let later = stored.replacingOccurrences(of: "\"version\":1", with: "\"version\":2")
            _ = try await Lab.fromJson(text: later)
            XCTFail("it is of a later version")
        } catch HomelabError.Unsupported(let detail, _, _, _, _) {
            XCTAssertTrue(detail.contains("version 2"))
        }
    }
}
