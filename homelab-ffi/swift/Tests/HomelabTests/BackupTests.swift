import Foundation
import XCTest

@testable import Homelab

/// Copies: the plans, and what repositories hold.
final class BackupTests: XCTestCase {
    private var root = URL(fileURLWithPath: "/")

    override func setUpWithError() throws {
        root = FileManager.default.temporaryDirectory.appendingPathComponent("homelab-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: root.appendingPathComponent("data"), withIntermediateDirectories: true)
    }

    override func tearDownWithError() throws {
        try FileManager.default.removeItem(at: root)
    }

    private func write(_ text: String, to name: String) throws {
        let file = root.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    private func open() async throws -> (Lab, World) {
        try write("a", to: "data/a.txt")
        try write("made up", to: "key")
        try write(
            "[datasets.data]\nclass = 'irreplaceable'\npaths = ['\(root.path)/data']\n", to: "lab/lab.toml")
        try write(
            "[repositories.usb]\nkind = 'restic'\nlocation = '\(root.path)/copies'\n"
                + "password = 'file:\(root.path)/key'\n", to: "lab/instance.toml")
        let lab = try await Lab.load(path: root.appendingPathComponent("lab").path)
        let world = try await World.connect(lab: lab).withoutEngines()
        return (lab, world.withState(folder: root.appendingPathComponent("state").path))
    }

    func testDataIsCopiedDrilledAndRestored() async throws {
        let (lab, world) = try await open()
        guard capabilities().contains("rustic") else { throw XCTSkip("this build works on no repositories") }
        let making = try await lab.planMakeRepository(repository: "usb", seen: world.observe(lab: lab))
        _ = try await making.apply(world: world).outcome()
        let plan = try await lab.planBackup(target: "data", seen: world.observe(lab: lab))
        XCTAssertEqual(plan.steps().map { $0.kind }, ["backup_run"])
        _ = try await plan.apply(world: world).outcome()
        let drill = try await lab.planDrill(target: "data", seen: world.observe(lab: lab))
        _ = try await drill.apply(world: world).outcome()
        let back = root.appendingPathComponent("back").path
        let restore = try await lab.planRestore(dataset: "data", folder: back, seen: world.observe(lab: lab))
        _ = try await restore.apply(world: world).outcome()
        XCTAssertEqual(try String(contentsOfFile: "\(back)\(root.path)/data/a.txt", encoding: .utf8), "a")
        let held = try await world.observe(lab: lab).backups()
        XCTAssertEqual(held?.first?.drills.map { $0.passed }, [true])
        let snapshots = try await world.repositories().snapshots(name: "usb")
        XCTAssertEqual(snapshots.map { $0.completeness }, ["complete"])
    }

    func testWhatCannotBePlannedSaysWhy() async throws {
        let (lab, world) = try await open()
        let blind = try await world.withoutRepositories().observe(lab: lab)
        XCTAssertNil(blind.backups())
        do {
            _ = try await lab.planBackup(target: "data", seen: blind)
            XCTFail("no repository was asked")
        } catch HomelabError.Unsupported {}
        do {
            _ = try await lab.planPrune(target: "data", seen: blind, keep: "last=0")
            XCTFail("it would keep nothing")
        } catch HomelabError.Invalid {}
    }
}
