//! Against real daemons of a real tailnet, in network namespaces.

use std::time::{Duration, Instant};

use homelab_core::tailnet::local::{LocalApi, Notice};
use homelab_tests::needs::Need;
use homelab_tests::tailnet::{Dial, RealNode, RealTailnet, VERSION};
use serde_json::{Value, json};

use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test(
        "tailnet::the_daemon_says_what_is_so",
        &[Need::Go, Need::Namespaces],
        daemons,
    )]
}

/// The ports on which everything listens.
const PORTS: [u16; 3] = [22, 80, 443];

/// Something in the network behind the router.
const LAN: &str = "10.77.0.5";

/// Three people with four devices, and a server with a tag and a network behind it.
fn plan() -> Value {
    json!([
        { "Name": "slate", "User": 0, "AcceptRoutes": true },
        { "Name": "phone", "User": 0, "AcceptRoutes": false },
        { "Name": "desk", "User": 2, "AcceptRoutes": true },
        { "Name": "lamp", "User": 3, "AcceptRoutes": true },
        { "Name": "attic", "User": 4, "Tags": ["tag:store"], "Routes": ["10.77.0.0/24", "10.78.0.0/24"],
          "Approved": ["10.77.0.0/24"], "Lan": [format!("{LAN}/24")] },
    ])
}

fn start() -> Result<RealTailnet, String> {
    let began = Instant::now();
    let tailnet = RealTailnet::start(plan(), &PORTS)?;
    println!(
        "tailnet: {} real nodes of tailscaled {VERSION} after {:.1} s",
        tailnet.nodes().len(),
        began.elapsed().as_secs_f32()
    );
    Ok(tailnet)
}

/// Says what differs.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, expected: T) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}: {got:?}, expected {expected:?}"))
}

/// What the LocalAPI client reads of each daemon, against what the control server knows.
fn daemons() -> Result<(), String> {
    let mut tailnet = start()?;
    let nodes = tailnet.nodes().to_vec();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    for node in &nodes {
        let said = runtime.block_on(says(node, &nodes));
        said.map_err(|error| format!("{}: {error}", node.name))?;
    }
    runtime.block_on(watched(&mut tailnet, &nodes))
}

async fn says(own: &RealNode, nodes: &[RealNode]) -> Result<(), String> {
    let shown = |error: homelab_core::Error| format!("{error:?}");
    let daemon = LocalApi::new(&own.socket);
    let node = daemon.node().await.map_err(shown)?;
    let status = node.status();
    same("running", status.is_running(), true)?;
    same("suffix", status.suffix(), Some("otter-lynx.ts.net"))?;
    let version = status
        .version()
        .is_some_and(|version| version.starts_with(VERSION));
    same("version", version, true)?;
    let itself = status.own().ok_or("it has no status of its own")?;
    same("own name", itself.name(), own.name.as_str())?;
    same("in sight", status.roster().devices().len(), nodes.len())?;
    let settings = node.preferences().ok_or("no settings")?;
    same(
        "routes of others",
        settings.accepts_routes(),
        Some(own.accepts_routes),
    )?;
    same("shields", settings.shields_up(), Some(false))?;
    same("serves", node.serve().map(|serve| serve.entries().len()), Some(0))?;
    let rules = daemon.packet_filter().await.map_err(shown)?;
    same(
        "rules",
        rules.as_array().is_some_and(|rules| !rules.is_empty()),
        true,
    )?;

    for other in nodes {
        let device = status
            .roster()
            .devices()
            .iter()
            .find(|device| device.name() == other.name)
            .ok_or_else(|| format!("it does not see {}", other.name))?;
        let login = other.tags.is_empty().then_some(other.login.as_str());
        let addresses: Vec<String> = device.addresses().iter().map(ToString::to_string).collect();
        let routes: Vec<String> = device.approved().iter().map(ToString::to_string).collect();
        same("addresses", &addresses, &other.addresses)?;
        same("owner", device.owner(), login)?;
        same("tags", device.tags(), &other.tags[..])?;
        same("routes", &routes, &other.routes)?;
        for address in device.addresses() {
            let who = daemon.who_is(*address).await.map_err(shown)?;
            let who = who.ok_or_else(|| format!("nobody is behind {address}"))?;
            same("who", who.login(), login)?;
            same("whose device", who.device().name(), &other.name)?;
            same("its tags", who.device().tags(), &other.tags[..])?;
            same("its addresses", who.device().addresses(), device.addresses())?;
        }
    }
    let nobody = daemon.who_is("100.64.9.9".parse().map_err(|error| format!("{error}"))?);
    same("a stranger", nobody.await.map_err(shown)?.is_none(), true)
}

/// A change of the tailnet is told, and a reader who leaves ends the stream.
async fn watched(tailnet: &mut RealTailnet, nodes: &[RealNode]) -> Result<(), String> {
    let daemon = LocalApi::new(&nodes[0].socket);
    let mut news = daemon.watch().await.map_err(|error| format!("{error:?}"))?;
    let first = tokio::time::timeout(Duration::from_secs(5), news.next()).await;
    same(
        "the state first",
        first,
        Ok(Some(Notice::State("Running".into()))),
    )?;
    tailnet.tell(
        nodes
            .iter()
            .map(|node| (node.name.as_str(), json!([]), Vec::new())),
    )?;
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    while tokio::time::timeout_at(limit, news.next()).await != Ok(Some(Notice::Changed)) {
        if tokio::time::Instant::now() >= limit {
            return Err("nobody told that all devices went out of sight".to_owned());
        }
    }
    let status = daemon.status().await.map_err(|error| format!("{error:?}"))?;
    same("in sight at the end", status.roster().devices().len(), 1)?;
    let dial = Dial {
        from: nodes[1].name.clone(),
        to: format!("{}:80", nodes[0].addresses[0]),
        wait: 500,
    };
    same("out of sight", tailnet.dial(&[dial])?, vec![false])
}
