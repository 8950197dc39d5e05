use super::*;
use crate::engine::EventAction;

fn read<T: for<'a> Deserialize<'a>>(json: &str) -> T {
    serde_json::from_str(json).expect("as an engine has it")
}

#[test]
fn docker_and_podman_tell_the_same_container() {
    let docker = r#"{
        "Id": "4f1c", "Name": "/db", "Created": "2026-11-01T10:00:00.5Z", "Image": "sha256:ab",
        "State": {"Status": "running", "OOMKilled": false, "ExitCode": 0, "StartedAt": "2026-11-01T10:00:01Z",
                  "FinishedAt": "0001-01-01T00:00:00Z", "Health": {"Status": "healthy", "Log": []}},
        "RestartCount": 2, "HostConfig": {"NetworkMode": "lab", "Tmpfs": {"/run": "ro,size=1m"}},
        "NetworkSettings": {"Ports": {"9000/udp": null, "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"},
                            {"HostIp": "::", "HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": "81"}]},
                            "Networks": {"lab": {"IPAddress": "172.30.0.2", "GlobalIPv6Address": ""}}},
        "Mounts": [{"Type": "volume", "Name": "data", "Source": "/var/lib/x", "Destination": "/data", "RW": true},
                   {"Type": "bind", "Source": "/etc/x", "Destination": "/conf", "RW": false}],
        "Config": {"Image": "postgres:16", "Env": ["A=b=c", "EMPTY", "PASSWORD=hunter2"], "Labels": null, "Tty": false}
    }"#;
    let podman = r#"{
        "Id": "4f1c", "Name": "/db", "Created": "2026-11-01T11:00:00.5+01:00", "Image": "sha256:ab",
        "State": {"Status": "running", "OOMKilled": false, "ExitCode": 0, "StartedAt": "2026-11-01T11:00:01+01:00",
                  "FinishedAt": "0001-01-01T00:00:00Z", "Healthcheck": {"Status": "healthy", "FailingStreak": 0}},
        "RestartCount": 2, "HostConfig": {"NetworkMode": "lab", "Tmpfs": {"/run": "ro,size=1m"}},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "127.0.0.1", "HostPort": "81"}]},
                            "Networks": {"lab": {"IPAddress": "172.30.0.2"}}},
        "Mounts": [{"Type": "bind", "Source": "/etc/x", "Destination": "/conf", "RW": false},
                   {"Type": "volume", "Name": "data", "Source": "/x/y", "Destination": "/data", "RW": true}],
        "Config": {"Image": "postgres:16", "Env": ["EMPTY=", "A=b=c", "PASSWORD=hunter2"], "Labels": {}, "Tty": false}
    }"#;
    let docker = read::<Inspected>(docker).told();
    assert_eq!(docker, read::<Inspected>(podman).told());
    assert_eq!(docker.name, "db");
    let ports: Vec<String> = docker.ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["*:8080 -> 80/tcp", "127.0.0.1:81 -> 80/tcp"]);
    let mounts: Vec<_> = docker
        .mounts
        .iter()
        .map(|mount| (mount.target.as_str(), mount.source.as_deref(), mount.read_only))
        .collect();
    assert_eq!(
        mounts,
        [
            ("/conf", Some("/etc/x"), true),
            ("/data", Some("data"), false),
            ("/run", None, true)
        ]
    );
    assert_eq!((docker.exit_code, docker.finished), (None, None));
    assert_eq!(docker.health, Some(Health::Healthy));
    assert_eq!(docker.environment["A"].expose(), "b=c");
    assert!(!format!("{docker:?}").contains("hunter2"));
}

#[test]
fn a_container_that_has_ended_binds_nothing_and_is_not_healthy() {
    let json = r#"{"Id": "1", "Name": "x", "State": {"Status": "stopped", "ExitCode": 137, "Health": {"Status": "healthy"}},
                   "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}}"#;
    let container = read::<Inspected>(json).told();
    assert_eq!(container.state, ContainerState::Exited);
    assert_eq!(container.exit_code, Some(137));
    assert!(container.ports.is_empty() && container.health.is_none());
}

#[test]
fn what_is_missing_or_new_hides_nothing_else() {
    let container =
        read::<Inspected>(r#"{"Id": "1", "State": {"Status": "melting"}, "Mounts": null}"#).told();
    assert_eq!(
        (container.id.as_str(), container.state),
        ("1", ContainerState::Unknown)
    );
    let image =
        read::<ListedImage>(r#"{"Id": "sha256:1", "RepoTags": ["<none>:<none>"], "Size": -1}"#).told();
    assert!(image.is_dangling() && image.size == 0);
    assert_eq!(image_id(&"a".repeat(64)), format!("sha256:{}", "a".repeat(64)));
}

#[test]
fn processes_are_found_by_the_titles_that_each_engine_has() {
    let docker = r#"{"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
                     "Processes": [["root", "42", "1", "0", "10:00", "?", "00:00:00", "sh -c x"]]}"#;
    let podman = r#"{"Titles": ["USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND"],
                     "Processes": [["root", "42", "1", "0", "10s", "?", "0s", "sh -c x "]]}"#;
    let told = read::<Top>(docker).told();
    assert_eq!(told, read::<Top>(podman).told());
    assert_eq!((told[0].id, told[0].command.as_str()), (42, "sh -c x"));
}

fn sample(second: u32, own: u64, machine: u64) -> Stats {
    read(&format!(
        r#"{{"read": "2026-11-01T10:00:{second:02}Z",
             "cpu_stats": {{"cpu_usage": {{"total_usage": {own}}}, "system_cpu_usage": {machine}, "online_cpus": 4}},
             "memory_stats": {{"usage": 1000, "limit": 5000, "stats": {{"inactive_file": 300}}}},
             "networks": {{"eth0": {{"rx_bytes": 1, "tx_bytes": 2}}, "eth1": {{"rx_bytes": 10, "tx_bytes": 20}}}},
             "blkio_stats": {{"io_service_bytes_recursive": [{{"op": "Read", "value": 5}}, {{"op": "write", "value": 6}},
                              {{"op": "read", "value": 7}}]}},
             "pids_stats": {{"current": 3}}}}"#
    ))
}

#[test]
fn samples_are_what_docker_stats_shows() {
    const SECOND: u64 = 1_000_000_000;
    for (kind, machine) in [(EngineKind::Docker, 4 * SECOND), (EngineKind::Podman, 17)] {
        let (first, used) = sample(0, 5 * SECOND, SECOND).told(None, kind).expect("a sample");
        assert_eq!(first.cpu_percent, None);
        // In one second, in which the machine's four processors count four, it used one and a half of them.
        let later = sample(1, 6 * SECOND + SECOND / 2, SECOND + machine);
        let (second, _) = later.told(Some(used), kind).expect("a sample");
        let percent = second.cpu_percent.expect("a sample before");
        assert!((percent - 150.0).abs() < 1e-9, "{kind}: {percent}");
        assert_eq!(
            (second.memory, second.memory_limit, second.processes),
            (700, 5000, 3)
        );
        assert_eq!(
            (second.received, second.sent, second.read, second.written),
            (11, 22, 12, 6)
        );
    }
    let first_version: Stats = read(
        r#"{"read": "2026-11-01T10:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 1}},
            "memory_stats": {"usage": 1000, "stats": {"total_inactive_file": 100, "inactive_file": 900}}}"#,
    );
    let (told, _) = first_version.told(None, EngineKind::Docker).expect("a sample");
    assert_eq!(told.memory, 900);
    let ended: Stats = read(r#"{"read": "0001-01-01T00:00:00Z", "cpu_stats": {}, "memory_stats": {}}"#);
    assert!(ended.told(None, EngineKind::Docker).is_none());
}

#[test]
fn both_engines_words_for_events_are_one_and_command_lines_are_left_out() {
    let event = |kind: &str, action: &str, attributes: &str| {
        let json = format!(
            r#"{{"status": "{action}", "Type": "{kind}", "Action": "{action}",
                 "Actor": {{"ID": "1", "Attributes": {attributes}}}, "time": 1793527200, "timeNano": 1793527200000000001}}"#
        );
        read::<Event>(&json).told().expect("an event")
    };
    let died = event("container", "die", r#"{"exitCode": "3", "name": "db"}"#);
    assert_eq!(
        died,
        event("container", "died", r#"{"containerExitCode": "3", "name": "db"}"#)
    );
    assert_eq!(died.action, EventAction::Died(Some(3)));
    assert_eq!(died.at.to_string(), "2026-11-01T10:00:00.000000001Z");
    let healthy = event("container", "health_status: healthy", "{}");
    assert_eq!(healthy.action, EventAction::Health(Health::Healthy));
    let healthy = event("container", "health_status", r#"{"health_status": "healthy"}"#);
    assert_eq!(healthy.action, EventAction::Health(Health::Healthy));
    let exec = event("container", "exec_start: sh -c hunter2", "{}");
    assert_eq!(exec.action, EventAction::Other("exec_start".into()));
    for (kind, action) in [
        ("container", "destroy"),
        ("container", "remove"),
        ("image", "delete"),
    ] {
        assert_eq!(event(kind, action, "{}").action, EventAction::Removed);
    }
}

#[test]
fn a_greeting_tells_program_and_versions_and_a_proxys_does_not() {
    let read = |server: &str, api: &str| {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("server", server.parse().expect("a header"));
        headers.insert("api-version", api.parse().expect("a header"));
        Greeting::read(&headers).map(|one| (one.kind, one.version, one.api))
    };
    let told = |kind, version: &str, api: &str| Some((kind, version.to_owned(), api.to_owned()));
    assert_eq!(
        read("Docker/20.10.24+dfsg1 (linux)", "1.41"),
        told(EngineKind::Docker, "20.10.24+dfsg1", "1.41")
    );
    assert_eq!(
        read("Libpod/4.3.1 (linux)", "1.41"),
        told(EngineKind::Podman, "4.3.1", "1.41")
    );
    assert_eq!(read("nginx/1.29", "1.41"), None);
    assert_eq!(read("Docker", "1.41"), None);
    assert_eq!(read("Docker/28.2.2", ""), None);
    assert_eq!(Greeting::read(&hyper::HeaderMap::new()), None);
}
