//! A real tailnet on this machine: real daemons, with a control server of the test's own, in network namespaces that
//! nothing leaves. The program in `tests/tailnet/go` makes it, and ends with everything that it started.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::needs::repository;

/// The version of the daemons, and of the packages that the control server is made of.
pub const VERSION: &str = "1.102.3";

/// A tailnet that runs. It ends when this is dropped, and with this process, however that ends.
pub struct RealTailnet {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    nodes: Vec<RealNode>,
    // Sockets and logs; gone after the daemons.
    _folder: tempfile::TempDir,
}

/// A node of it.
#[derive(Clone, Debug)]
pub struct RealNode {
    /// Its host name.
    pub name: String,
    /// Whose it is, or would be without tags.
    pub login: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its addresses, IPv4 first.
    pub addresses: Vec<String>,
    /// The socket of its daemon.
    pub socket: PathBuf,
    /// The routes that it offers, and that the control server approves.
    pub routes: Vec<String>,
    /// Whether it uses the routes of others.
    pub accepts_routes: bool,
}

/// A connection to be tried.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The name of the node that opens it.
    pub from: String,
    /// The address and port.
    pub to: String,
    /// For how long it is tried, in milliseconds.
    pub wait: u32,
}

impl RealTailnet {
    /// Starts one. A node of the plan has `Name`; `User`, whose number is that of the node whose person it belongs to; and
    /// as many of `Tags`, `Routes`, `Approved`, `Lan` and `AcceptRoutes` as it wants. Everything listens on the ports.
    ///
    /// # Errors
    /// When the programs cannot be built, or do not come up: why.
    pub fn start(nodes: Value, ports: &[u16]) -> Result<Self, String> {
        let programs = programs()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut child = Command::new("unshare")
            .args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
            .arg(programs.join("tailnet"))
            .arg(programs.join("tailscaled"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("failed to start `unshare`: {error}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("no output")?;
        // From here on dropping it ends the child.
        let mut tailnet = RealTailnet {
            child,
            input,
            output: BufReader::new(output),
            nodes: Vec::new(),
            _folder: folder,
        };
        let up = tailnet.ask(&json!({ "Nodes": nodes, "Ports": ports }))?;
        let nodes = up.as_array().ok_or("no list of nodes")?;
        tailnet.nodes = nodes.iter().map(RealNode::read).collect();
        Ok(tailnet)
    }

    /// Returns its nodes, in the order of the plan.
    pub fn nodes(&self) -> &[RealNode] {
        &self.nodes
    }

    /// Has the control server tell each node its packet filter, a list of `tailcfg.FilterRule`, and whom it sees.
    ///
    /// # Errors
    /// When a node does not listen any more.
    pub fn tell<'a>(
        &mut self,
        told: impl IntoIterator<Item = (&'a str, Value, Vec<String>)>,
    ) -> Result<(), String> {
        let told: serde_json::Map<String, Value> = told
            .into_iter()
            .map(|(node, rules, peers)| (node.to_owned(), json!({ "Rules": rules, "Peers": peers })))
            .collect();
        self.ask(&json!({ "Filters": told })).map(|_| ())
    }

    /// Opens connections, all at once, through the proxies of the nodes that they come from; returns of each whether it
    /// was answered.
    ///
    /// # Errors
    /// When the program does not answer.
    pub fn dial(&mut self, dials: &[Dial]) -> Result<Vec<bool>, String> {
        let dials: Vec<Value> = dials
            .iter()
            .map(|dial| json!({ "From": dial.from, "To": dial.to, "Wait": dial.wait }))
            .collect();
        let answers = self.ask(&json!({ "Dials": dials }))?;
        let answers = answers.as_array().ok_or("no list of answers")?;
        Ok(answers.iter().map(|answer| answer == "open").collect())
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let input = self.input.as_mut().ok_or("it has ended")?;
        writeln!(input, "{request}").map_err(|error| format!("the tailnet has ended: {error}"))?;
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        serde_json::from_str(&line).map_err(|_| "the tailnet has ended; it said why above".to_owned())
    }
}

impl Drop for RealTailnet {
    fn drop(&mut self) {
        // It ends at the end of its input; that of its first process is the end of all in its namespaces.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl RealNode {
    fn read(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let texts = |key: &str| {
            let list = value[key].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        RealNode {
            name: text("Name"),
            login: text("Login"),
            tags: texts("Tags"),
            addresses: texts("Addresses"),
            socket: text("Socket").into(),
            routes: texts("Approved"),
            accepts_routes: value["AcceptRoutes"] == true,
        }
    }
}

/// Returns the folder of the programs, built if they are not: some minutes once, and a second when they are.
fn programs() -> Result<&'static Path, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref().map_err(Clone::clone)
}

fn build() -> Result<PathBuf, String> {
    let folder = repository().join(format!(".cache/tailnet-{VERSION}"));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let output = Command::new("nice")
        .args([
            "go",
            "build",
            "-trimpath",
            "-tags",
            "ts_include_cli",
            "-ldflags",
            "-s -w",
            "-o",
        ])
        .arg(&folder)
        .args([".", "tailscale.com/cmd/tailscaled"])
        .current_dir(repository().join("tests/tailnet/go"))
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("failed to run `go build`: {error}"))?;
    match output.status.success() {
        true => Ok(folder),
        false => Err(format!(
            "failed to build tailscaled {VERSION} and the control server: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
