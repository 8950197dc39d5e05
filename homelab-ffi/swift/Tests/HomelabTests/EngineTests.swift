import Foundation
import XCTest

@testable import Homelab

/// One engine, as far as it can be told without one.
final class EngineTests: XCTestCase {
    func testAnEngineIsAskedByItsHostsName() async throws {
        let instance = "[hosts.nas]\nengine = 'unix:///homelab/none'\n"
        let lab = try await Lab.fromTexts(name: "home", texts: ["instance.toml": instance])
        let engines = try await World.connect(lab: lab).engines()
        do {
            _ = try await engines.engine(host: "mars")
            XCTFail("there is no such host")
        } catch HomelabError.NotFound {}
        guard capabilities().contains("docker") else { return }
        do {
            _ = try await engines.engine(host: "nas")
            XCTFail("nobody is there")
        } catch HomelabError.Unreachable {}
    }

    func testPiecesAreReadOnce() async throws {
        let pieces = Pieces.whole(bytes: Data("given".utf8))
        var all = Data()
        for try await piece in pieces.stream() {
            all.append(piece)
        }
        XCTAssertEqual(all, Data("given".utf8))
        let own = Pieces()
        try await own.give(piece: Data([1]))
        own.end()
        let first = try await own.next()
        XCTAssertEqual(first, Data([1]))
        let last = try await own.next()
        XCTAssertNil(last)
        do {
            try await own.give(piece: Data([2]))
            XCTFail("they have ended")
        } catch HomelabError.Conflict {}
    }
}
