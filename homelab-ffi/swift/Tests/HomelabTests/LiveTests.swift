import Foundation
import XCTest

@testable import Homelab

/// What runs, as far as it can be told without an engine.
final class LiveTests: XCTestCase {
    private let compose = "services: { web: { image: 'nginx:1.27' } }"
    private let instance = "[hosts.nas]\nengine = 'unix:///homelab/none'\n"

    func testAnEngineThatIsNotThereIsAFact() async throws {
        let lab = try await Lab.fromTexts(name: "home", texts: ["web/compose.yaml": compose, "instance.toml": instance])
        let world = try await World.connect(lab: lab)
        XCTAssertEqual(world.withoutEngines().engines().hosts(), [])
        guard capabilities().contains("docker") else { return }
        XCTAssertEqual(world.engines().hosts(), ["nas"])
        let inventory = try await world.engines().withLimit(limit: 2).inventory()
        let seen = try Observed.none(at: "2027-01-31T12:00:00Z").withInventory(inventory: inventory)
        let drift = try await lab.drift(seen: seen)
        XCTAssertFalse(drift.isComplete())
        XCTAssertEqual(drift.exitCode(), 3)
        XCTAssertEqual(drift.hosts().map { $0.seen }, [false])
        let running = try await lab.running(seen: seen)
        XCTAssertTrue("\(running)".contains("not seen"))
        do {
            _ = try await lab.planStop(target: "web", seen: seen)
            XCTFail("its host was not seen")
        } catch HomelabError.Unreachable {}
        for await change in try world.engines().watch().stream() {
            XCTAssertEqual(change.kind, "full")
            break
        }
    }
}
