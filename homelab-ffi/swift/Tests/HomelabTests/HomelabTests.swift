import Foundation
import XCTest

@testable import Homelab

private let compose = "services: { web: { image: 'nginx:1.27', ports: ['8080:80'] } }"
private let noon = "2027-01-31T12:00:00Z"

private func small() async throws -> Lab {
    try await Lab.fromTexts(name: "home", texts: ["web/compose.yaml": compose])
}

/// A folder that is gone after the test.
private final class Folder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("homelab-" + UUID().uuidString)

    init(_ files: [String: String] = [:]) throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for (name, text) in files {
            let file = url.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}

final class RecordsTests: XCTestCase {
    func testAServiceIsARecord() async throws {
        let lab = try await small()
        let service = try await lab.exposure(name: "web")
        XCTAssertEqual(service.project, "web")
        XCTAssertEqual(service.reach, Reach.lan)
        XCTAssertEqual(service.image, "nginx:1.27")
        XCTAssertNil(service.host)
        XCTAssertEqual(service.place, PlaceView(file: "web/compose.yaml", line: 1, column: 13))
        let all = try await lab.exposures()
        XCTAssertEqual(all, [service])
    }

    func testAReportIsRecordsAndText() async throws {
        let report = try await small().auditWith(rules: "+hardening", seen: Observed.none(at: noon))
        let view = report.view()
        XCTAssertEqual(view.at, noon)
        XCTAssertFalse(view.findings.isEmpty)
        XCTAssertEqual(view.findings, report.findings())
        XCTAssertTrue(report.toJson().contains(view.findings[0].fingerprint))
        XCTAssertTrue(report.toHtml().lowercased().contains("<!doctype html>"))
        XCTAssertTrue(report.toSarif().contains("\"2.1.0\""))
        XCTAssertTrue(report.toMarkdown().contains(view.findings[0].message))
        XCTAssertTrue(report.toText(settings: TextSettings(colour: true)).contains("\u{1b}"))
        XCTAssertTrue("\(report)".contains("web"))
    }

    func testThePostureIsOneRecord() async throws {
        let (lab, seen) = (try await small(), try Observed.none(at: noon))
        let posture = try await lab.posture(seen: seen)
        XCTAssertEqual(posture.services, 1)
        XCTAssertEqual(posture.reach.lan, 1)
        guard case let .posture(same) = try await lab.answer(query: "posture", seen: seen) else {
            return XCTFail("another answer")
        }
        XCTAssertEqual(same, posture)
    }
}

final class ErrorsTests: XCTestCase {
    func testACaseForEachKindWithTextForAPerson() async throws {
        let lab = try await small()
        do {
            _ = try await lab.exposure(name: "wep")
            XCTFail("there is none")
        } catch let error as HomelabError {
            guard case let .NotFound(detail, hint, _, retryable, _) = error else {
                return XCTFail("\(error)")
            }
            XCTAssertTrue(detail.hasPrefix("Failed to find service `wep`"))
            XCTAssertTrue(hint?.contains("web") ?? false)
            XCTAssertFalse(retryable)
            XCTAssertEqual(error.localizedDescription, detail)
            XCTAssertEqual(error.failure.kind, "not_found")
        }
    }

    func testAsyncCallsFailAlike() async throws {
        do {
            _ = try await Lab.load(path: "/nonexistent/lab")
            XCTFail("there is none")
        } catch HomelabError.NotFound(let detail, _, _, _, _) {
            XCTAssertTrue(detail.contains("/nonexistent/lab"))
        }
    }
}

final class StreamsTests: XCTestCase {
    private func applied(_ block: (Homelab.Operation) async throws -> Void) async throws {
        let (root, state) = (try Folder(["web/compose.yaml": compose]), try Folder())
        let lab = try await Lab.load(path: root.url.path)
        let world = try await World.connect(lab: lab).withState(folder: state.url.path)
        try await block(try await lab.planInit().apply(world: world))
        XCTAssertTrue(FileManager.default.fileExists(atPath: root.url.appendingPathComponent("lab.toml").path))
    }

    func testAStreamHasAllEventsFromTheBeginningToTheEnd() async throws {
        try await applied { operation in
            var kinds: [String] = []
            for await event in operation.stream() { kinds.append(event.kind) }
            XCTAssertEqual(kinds.first, "started")
            XCTAssertEqual(kinds.last, "finished")
            let outcome = try await operation.outcome()
            XCTAssertEqual(outcome.status(), "complete")
            try outcome.complete()
        }
    }

    func testWhoStopsReadingEndsTheStreamNotTheOperation() async throws {
        try await applied { operation in
            for await event in operation.stream() {
                XCTAssertEqual(event.kind, "started")
                break
            }
            let outcome = try await operation.outcome()
            XCTAssertEqual(outcome.status(), "complete")
        }
    }
}

final class CancellationTests: XCTestCase {
    func testATokenThatWasUtteredStopsTheCall() async throws {
        let token = CancelToken()
        token.cancel()
        XCTAssertTrue(token.isCancelled())
        do {
            _ = try await Lab.load(path: "/", cancel: token)
            XCTFail("it was stopped")
        } catch HomelabError.Cancelled {}
        let lab = try await small()
        do {
            _ = try await lab.audit(cancel: token)
            XCTFail("it was stopped")
        } catch HomelabError.Cancelled {}
    }

    func testCancellingATaskUttersItsToken() async throws {
        let task = Task {
            try await withCancelToken { token in
                while !token.isCancelled() { await Task.yield() }
                _ = try await Lab.load(path: "/", cancel: token)
            }
        }
        task.cancel()
        do {
            try await task.value
            XCTFail("it was stopped")
        } catch HomelabError.Cancelled {}
    }
}

final class LifetimeTests: XCTestCase {
    func testAThousandCallsAtOnce() async throws {
        let lab = try await small()
        let expected = try await lab.exposures()
        let folder = try Folder(["web/compose.yaml": compose])
        let path = folder.url.path
        try await withThrowingTaskGroup(of: [ServiceView].self) { group in
            for number in 0..<1_000 {
                group.addTask {
                    number % 2 == 0
                        ? try await lab.exposures() : try await Lab.load(path: path).exposures()
                }
            }
            for try await services in group { XCTAssertEqual(services, expected) }
        }
        withExtendedLifetime(folder) {}
    }

    func testWhatCameOfALabOutlivesIt() async throws {
        let report = try await small().audit()
        XCTAssertEqual(report.services().count, 1)
    }
}

final class SurvivalTests: XCTestCase {
    func testWhatIsKnownOfTheCopiesIsAVerdictForEachDataset() async throws {
        let files = ["db/compose.yaml": "services: {db: {image: 'postgres:18', volumes: ['data:/var/lib/postgresql']}}\nvolumes: {data: }"]
        let lab = try await Lab.fromTexts(name: "home", texts: files)
        let survival = try await lab.survival(seen: Observed.none(at: "2027-01-31T12:00:00Z"))
        XCTAssertFalse(survival.wasAsked())
        XCTAssertEqual(survival.view().losses.count, 6)
        XCTAssertFalse("\(survival)".isEmpty)
    }
}

final class RulesTests: XCTestCase {
    func testEveryRuleSaysWhyItIsOne() {
        let all = rules()
        XCTAssertEqual(Set(all.map(\.id)).count, all.count)
        XCTAssertTrue(all.allSatisfy { !$0.why.isEmpty && $0.page.contains($0.fix) })
    }
}

final class TailnetTests: XCTestCase {
    func testAControlServerIsNamedWithoutItsKey() throws {
        guard capabilities().contains("tailnet-api") else {
            XCTAssertThrowsError(try ControlApi.tailscale(token: "env:KEY"))
            return
        }
        XCTAssertNoThrow(try ControlApi.headscale(address: "http://127.0.0.1:1", token: "env:KEY").withLimit(limit: 1))
        XCTAssertThrowsError(try ControlApi.headscale(address: "http://127.0.0.1:1", token: "made-up"))
    }

    func testADaemonThatIsNotThereIsSaidToBeSo() async throws {
        guard capabilities().contains("local") else {
            XCTAssertThrowsError(try LocalApi(socket: "/nonexistent/sock"))
            return
        }
        let daemon = try LocalApi(socket: "/nonexistent/sock").withLimit(limit: 1)
        XCTAssertEqual(daemon.socket(), "/nonexistent/sock")
        do {
            for await _ in try await daemon.watch().stream() {}
            XCTFail("nobody listens there")
        } catch let error as HomelabError {
            guard case .Unreachable = error else { return XCTFail("\(error)") }
        }
    }

    func testAPolicyIsInForceOverDevices() async throws {
        let policy = #"{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:443"]}],}"#
        let devices = """
            {"devices": [{"hostname": "nas", "addresses": ["100.64.0.2"], "user": "alice@example.com"},
            {"hostname": "phone", "addresses": ["100.64.0.1"], "user": "alice@example.com"}]}
            """
        let tailnet = try await Tailnet.fromTexts(policy: policy, devices: devices)
        let peers = try await tailnet.peers()
        XCTAssertEqual(peers, ["nas": ["phone"], "phone": ["nas"]])
        let filter = try await tailnet.toJson(question: "filter")
        XCTAssertTrue(filter.contains("100.64.0.1"))
        let accepted = try await judgePolicy(policy: policy, devices: devices)
        XCTAssertTrue(accepted.accepted)
        let refused = try await judgePolicy(policy: "{ nonsense", devices: devices)
        XCTAssertFalse(refused.accepted)

        XCTAssertEqual(try tailnet.whoCanReach(target: "nas:443").carriers.map(\.device), ["nas"])
        let reachable = try await tailnet.reachableFrom(who: "phone")
        XCTAssertEqual(reachable.reachable.map(\.device), ["nas"])
        XCTAssertEqual(try tailnet.explain(from: "phone", to: "nas:443").allowed, true)
        XCTAssertEqual(try tailnet.at(at: "2027-01-31T00:00:00Z").explain(from: "phone", to: "nas:22").allowed, false)
        let newer = policy.replacingOccurrences(of: "*:443", with: "*:22")
        let change = try await tailnet.diff(newer: newer)
        XCTAssertFalse(change.gained.isEmpty)
        XCTAssertThrowsError(try tailnet.whoCanReach(target: "nowhere:1"))

        let settings = """
            [[tailnet.devices]]
            name = "nas"
            addresses = ["100.64.0.2"]
            tags = ["tag:nas"]
            """
        let lab = try await Lab.fromTexts(name: "home", texts: ["instance.toml": settings, "policy.hujson": policy])
        let own = try await lab.tailnet().peers()
        XCTAssertEqual(own, ["nas": []])
        do {
            _ = try await small().tailnet()
            XCTFail("it names no policy")
        } catch HomelabError.NotFound {}
    }
}

final class ServerTests: XCTestCase {
    func testAServerAnswersUntilItIsStopped() async throws {
        let settings = ServeSettings(listen: "127.0.0.1:0", behindServe: true, ownDaemon: false)
        let lab = try await small()
        guard capabilities().contains("serve") else {
            do {
                _ = try await Server.start(lab: lab, settings: settings)
                return XCTFail("it is left out")
            } catch HomelabError.Unsupported {}
            return
        }
        let server = try await Server.start(lab: lab, settings: settings)
        XCTAssertTrue(server.address().hasPrefix("127.0.0.1:"))
        server.show(lab: lab)
        await server.stop()
        do {
            _ = try await Server.start(lab: lab, settings: ServeSettings(listen: "0.0.0.0:0"))
            XCTFail("everybody could come")
        } catch HomelabError.Refused {}
    }
}
