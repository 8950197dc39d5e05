//! The engines of all hosts of a lab: [`Engines`].

#![expect(
    clippy::disallowed_methods,
    reason = "what was seen is told with the moment at which it was seen"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[cfg(feature = "docker")]
use super::docker::{DockerEngine, Endpoint};
use super::{Engine, fault};
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{Gap, HostInventory, Inventory, Part};
use crate::lab::{Host, Lab};
use crate::name::HostName;
use crate::observed::Machine;

/// How many hosts are asked at the same time.
const HOSTS_IN_FLIGHT: usize = 16;

/// How long an engine may take to answer, unless it is said otherwise.
const LIMIT: Duration = Duration::from_secs(10);

/// The host that a lab without hosts has, where this machine's name is not known.
const NAMELESS: &str = "localhost";

/// The engines of all hosts of a lab. Cheap to clone.
///
/// It holds no connection: each inventory and each watch makes its own, on the runtime that it is called on.
///
/// ```
/// use homelab_core::engine::memory::{Fault, MemoryEngine};
/// use homelab_core::engine::{Engine, Engines};
/// use homelab_core::inventory::Container;
/// use homelab_core::ErrorKind;
/// use std::sync::Arc;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (nas, attic) = (MemoryEngine::new("nas".parse()?), MemoryEngine::new("attic".parse()?));
/// nas.insert(Container::new("4f1c2b", "immich-server-1"));
/// attic.fail(Some(Fault::Unreachable));
/// let engines = Engines::new([Arc::new(nas) as Arc<dyn Engine>, Arc::new(attic)]);
///
/// let inventory = engines.inventory().await;
/// assert_eq!(inventory.containers().count(), 1);
/// let gap = inventory.host("attic").and_then(|attic| attic.gap()).expect("a fact, not an error");
/// assert_eq!(gap.kind, ErrorKind::Unreachable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Engines {
    targets: Arc<BTreeMap<HostName, Target>>,
}

#[derive(Clone)]
pub(super) struct Target {
    host: HostName,
    way: Way,
    limit: Duration,
}

/// How an engine is come by.
#[derive(Clone)]
enum Way {
    Given(Arc<dyn Engine>),
    #[cfg(feature = "docker")]
    Address(Endpoint),
    /// Not at all: nobody has said how, or what was said means nothing.
    Closed(Gap),
}

impl Engines {
    /// Returns these engines; of two on one host the later one counts.
    pub fn new(engines: impl IntoIterator<Item = Arc<dyn Engine>>) -> Engines {
        let given = |engine: Arc<dyn Engine>| (engine.host().clone(), Way::Given(engine));
        Engines::of(engines.into_iter().map(given))
    }

    /// Returns the engines of a lab's hosts: where instance.toml says how one is reached (`engine`), there; on this
    /// machine otherwise as Docker's own command would find it (`DOCKER_HOST`, a context, a socket). A lab that names no
    /// host has this machine.
    ///
    /// A host is this machine if it has the machine's name or one of its addresses, or is the lab's only one and has no
    /// address. It asks nobody: what cannot be reached is a gap of the inventory.
    pub fn of_lab(lab: &Lab, machine: Option<&Machine>) -> Engines {
        let hosts = lab.instance().hosts();
        if hosts.len() == 0 {
            let nameless = || HostName::new(NAMELESS).expect("`localhost` is a host's name");
            let name = machine.map_or_else(nameless, |machine| machine.name().clone());
            return Engines::of([(name, Way::here())]);
        }
        let only = hosts.len() == 1;
        Engines::of(hosts.map(|host| {
            let way = match host.engine() {
                Some(entry) => Way::written(lab, entry.address(), entry.certificates()),
                None if is_here(host, machine, only) => Way::here(),
                None => Way::Closed(Gap {
                    hint: Some(format!(
                        "this machine is another one: write `engine = \"ssh://USER@{0}\"` under `[hosts.{0}]` in \
                         instance.toml, or `engine = \"none\"`",
                        host.name()
                    )),
                    ..Gap::new(
                        Part::Engine,
                        ErrorKind::NotFound,
                        format!("find the engine of host `{}`", host.name()),
                    )
                }),
            };
            (host.name().clone(), way)
        }))
    }

    fn of(ways: impl IntoIterator<Item = (HostName, Way)>) -> Engines {
        let target = |(host, way): (HostName, Way)| {
            let limit = LIMIT;
            (host.clone(), Target { host, way, limit })
        };
        Engines {
            targets: Arc::new(ways.into_iter().map(target).collect()),
        }
    }

    /// Returns the engines with this limit for an answer, instead of ten seconds. An engine that was given has its own.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Engines {
        for target in Arc::make_mut(&mut self.targets).values_mut() {
            target.limit = limit;
        }
        self
    }

    /// Returns the hosts, by name.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &HostName> {
        self.targets.keys()
    }

    /// Connects to the engine of a host.
    ///
    /// It needs a tokio runtime with IO and time. Dropping the future leaves nothing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a host that there is not, or of which nobody says how its engine is reached; else as
    /// [`DockerEngine::connect`](crate::engine::docker::DockerEngine::connect).
    pub async fn engine(&self, host: &str) -> Result<Arc<dyn Engine>> {
        let Some(target) = self.targets.get(host) else {
            let message = format!("find host `{}`", host.escape_debug());
            let names: Vec<String> = self.hosts().map(|host| format!("`{host}`")).collect();
            return Err(
                Error::new(ErrorKind::NotFound, message).with_hint(format!("there is {}", names.join(", ")))
            );
        };
        target.connect().await
    }

    /// Returns where the engine of a host is, for programs that speak with it themselves.
    #[cfg(all(unix, feature = "docker", feature = "tools"))]
    pub(crate) fn endpoint(&self, host: &str) -> Result<Endpoint> {
        let target = self.targets.get(host);
        match target.map(|target| &target.way) {
            Some(Way::Address(endpoint)) => Ok(endpoint.clone()),
            Some(Way::Closed(gap)) => Err(Error::new(gap.kind, gap.message.clone())),
            Some(Way::Given(_)) => {
                let what = format!("find the address of host `{}`", host.escape_debug());
                Err(Error::new(ErrorKind::Unsupported, what)
                    .with_hint("its engine was given by a program, and no other program can ask it"))
            }
            None => {
                let message = format!("find host `{}`", host.escape_debug());
                Err(Error::new(ErrorKind::NotFound, message)
                    .with_hint("plan again: the lab has changed since"))
            }
        }
    }

    /// Returns what all engines have now: all hosts at the same time, sixteen at most. A host that is dead or slow
    /// costs its limit once, and is a fact with its reason.
    ///
    /// It needs a tokio runtime with IO and time. Dropping the future stops asking.
    pub async fn inventory(&self) -> Inventory {
        let permits = Arc::new(Semaphore::new(HOSTS_IN_FLIGHT));
        // Dropped with this future, and with it its tasks.
        let mut tasks = JoinSet::new();
        for target in self.targets.values() {
            let (target, permits) = (target.clone(), permits.clone());
            tasks.spawn(async move {
                // It is never closed.
                let _permit = permits.acquire().await;
                target.look().await
            });
        }
        let mut hosts = Vec::new();
        while let Some(host) = tasks.join_next().await {
            // It panics where a given engine does, and is cancelled where the runtime ends.
            hosts.extend(host);
        }
        let told: Vec<HostName> = hosts.iter().map(|host| host.host.clone()).collect();
        let untold = self
            .targets
            .values()
            .filter(|target| !told.contains(&target.host));
        hosts.extend(untold.map(|target| {
            let error = fault(ErrorKind::Internal, "look at the engine", &target.host);
            target.unseen(&error)
        }));
        Inventory::new(hosts)
    }

    pub(super) fn targets(&self) -> impl ExactSizeIterator<Item = &Target> {
        self.targets.values()
    }
}

/// Shows the hosts: addresses are private.
impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hosts()).finish()
    }
}

impl Way {
    #[cfg(feature = "docker")]
    fn here() -> Way {
        Way::found(Endpoint::from_environment())
    }

    #[cfg(feature = "docker")]
    fn found(endpoint: Result<Endpoint>) -> Way {
        match endpoint {
            Ok(endpoint) => Way::Address(endpoint),
            Err(error) => Way::Closed(Gap::of(Part::Engine, &error)),
        }
    }

    #[cfg(feature = "docker")]
    fn written(lab: &Lab, address: &str, certificates: Option<&str>) -> Way {
        if address == "none" {
            return Way::none();
        }
        let endpoint = match address.strip_prefix("context:") {
            Some(name) => Endpoint::of_context(name),
            None => address.parse(),
        };
        Way::found(endpoint.map(|endpoint| match certificates {
            Some(folder) => endpoint.with_certificates(lab.root().join(folder)),
            None => endpoint,
        }))
    }

    #[cfg(not(feature = "docker"))]
    fn here() -> Way {
        Way::Closed(Gap::new(
            Part::Engine,
            ErrorKind::Unsupported,
            "ask an engine: this build is without `docker`",
        ))
    }

    #[cfg(not(feature = "docker"))]
    fn written(_: &Lab, address: &str, _: Option<&str>) -> Way {
        match address {
            "none" => Way::none(),
            _ => Way::here(),
        }
    }

    fn none() -> Way {
        let message = "ask an engine: instance.toml says that there is none";
        Way::Closed(Gap::new(Part::Engine, ErrorKind::NotFound, message))
    }
}

impl Target {
    pub(super) fn host(&self) -> &HostName {
        &self.host
    }

    pub(super) async fn connect(&self) -> Result<Arc<dyn Engine>> {
        match &self.way {
            Way::Given(engine) => Ok(engine.clone()),
            #[cfg(feature = "docker")]
            Way::Address(endpoint) => {
                let engine = DockerEngine::connect(self.host.clone(), endpoint, self.limit).await?;
                Ok(Arc::new(engine))
            }
            Way::Closed(gap) => {
                let error = Error::new(gap.kind, gap.message.clone());
                Err(match &gap.hint {
                    Some(hint) => error.with_hint(hint.clone()),
                    None => error,
                })
            }
        }
    }

    /// Whether trying again cannot help: nobody has said how it is reached.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.way, Way::Closed(_))
    }

    /// Returns what the host has now.
    async fn look(&self) -> HostInventory {
        match self.connect().await {
            Ok(engine) => look(&*engine).await,
            Err(error) => self.unseen(&error),
        }
    }

    /// Returns a host that did not answer.
    pub(super) fn unseen(&self, error: &Error) -> HostInventory {
        let source = match &self.way {
            Way::Given(engine) => format!("{:?}", engine.host()),
            #[cfg(feature = "docker")]
            Way::Address(endpoint) => endpoint.to_string(),
            Way::Closed(_) => "instance.toml".to_owned(),
        };
        let mut host = HostInventory::new(self.host.clone(), Timestamp::now(), source);
        host.gaps.push(Gap::of(Part::Engine, error));
        host
    }
}

/// Returns what an engine has: all its parts at the same time, so that one that hangs costs its limit once.
pub(super) async fn look(engine: &dyn Engine) -> HostInventory {
    let at = Timestamp::now();
    let (info, containers, images, volumes, networks) = tokio::join!(
        engine.info(),
        engine.containers(),
        engine.images(),
        engine.volumes(false),
        engine.networks(),
    );
    let mut seen = HostInventory::new(engine.host().clone(), at, "engine");
    let gaps = &mut seen.gaps;
    // The containers first: without them there is nothing.
    seen.containers = kept(gaps, Part::Containers, containers);
    seen.engine = kept(gaps, Part::Information, info);
    seen.images = kept(gaps, Part::Images, images);
    seen.volumes = kept(gaps, Part::Volumes, volumes);
    seen.networks = kept(gaps, Part::Networks, networks);
    if let Some(engine) = &seen.engine {
        seen.source = format!("{} {}", engine.kind, engine.version);
    }
    seen
}

fn kept<T>(gaps: &mut Vec<Gap>, part: Part, answer: Result<T>) -> Option<T> {
    match answer {
        Ok(told) => Some(told),
        Err(error) => {
            gaps.push(Gap::of(part, &error));
            None
        }
    }
}

/// Whether a host of the lab is this machine.
fn is_here(host: &Host, machine: Option<&Machine>, only: bool) -> bool {
    let interfaces = host
        .interfaces()
        .iter()
        .flat_map(|interface| interface.addresses());
    let addresses = host.addresses().iter().map(|address| *address.value());
    let own: Vec<_> = addresses
        .chain(interfaces.map(|network| network.value().addr()))
        .collect();
    let Some(machine) = machine else {
        return only && own.is_empty();
    };
    let machines = machine.interfaces().iter().flat_map(|(_, networks)| networks);
    host.name().as_str().eq_ignore_ascii_case(machine.name().as_str())
        || machines
            .map(ipnet::IpNet::addr)
            .any(|address| own.contains(&address))
        || (only && own.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::engine::memory::{Fault, MemoryEngine};
    use crate::inventory::Container;

    fn host(name: &str) -> HostName {
        name.parse().expect("a name")
    }

    fn memory(name: &str) -> MemoryEngine {
        MemoryEngine::new(host(name)).with_limit(Duration::from_millis(200))
    }

    #[tokio::test]
    async fn dead_and_slow_hosts_cost_their_limit_once_and_are_facts() {
        let mut engines: Vec<Arc<dyn Engine>> = Vec::new();
        for number in 0..12 {
            let engine = memory(&format!("host{number}"));
            engine.insert(Container::new(format!("id{number}"), "web"));
            engine.fail(match number {
                0..4 => Some(Fault::Silent),
                4 => Some(Fault::Unreachable),
                _ => None,
            });
            engines.push(Arc::new(engine));
        }
        let began = Instant::now();
        let inventory = Engines::new(engines).inventory().await;
        let took = began.elapsed();
        assert!(
            took < Duration::from_millis(390),
            "{took:?}: all at once, all parts at once"
        );
        assert_eq!(inventory.hosts().len(), 12);
        assert_eq!(inventory.containers().count(), 7);
        let kinds: Vec<_> = inventory
            .hosts()
            .filter_map(|host| host.gap())
            .map(|gap| gap.kind)
            .collect();
        let silent = kinds.iter().filter(|kind| **kind == ErrorKind::TimedOut).count();
        assert_eq!((kinds.len(), silent), (5, 4), "{kinds:?}");
    }

    fn lab(instance: &str) -> Lab {
        Lab::from_texts("home", [("instance.toml", instance)])
    }

    fn closed(engines: &Engines, name: &str) -> Option<ErrorKind> {
        match &engines.targets[name].way {
            Way::Closed(gap) => Some(gap.kind),
            _ => None,
        }
    }

    #[test]
    fn a_host_without_a_setting_is_asked_on_this_machine_only() {
        let lab =
            lab("[hosts.nas]\naddresses = ['192.0.2.20']\n[hosts.server]\n[hosts.vps]\nengine = 'none'");
        assert!(lab.diagnostics().is_empty(), "{:?}", lab.diagnostics());
        let open = |machine: &Machine| -> Vec<String> {
            let engines = Engines::of_lab(&lab, Some(machine));
            let open = engines
                .hosts()
                .filter(|host| closed(&engines, host.as_str()).is_none());
            open.map(ToString::to_string).collect()
        };
        // Without the feature nothing is.
        let expected = |name: &str| -> Vec<String> {
            let some = cfg!(feature = "docker").then(|| name.to_owned());
            some.into_iter().collect()
        };
        assert_eq!(open(&Machine::new(host("Server"))), expected("server"));
        let by_address =
            Machine::new(host("truenas")).with_interface("eth0", ["192.0.2.20/24".parse().expect("a net")]);
        assert_eq!(open(&by_address), expected("nas"));
        assert_eq!(open(&Machine::new(host("laptop"))), expected("none of them")[..0]);
    }

    #[test]
    fn a_lab_without_hosts_has_this_machine() {
        let names = |machine: Option<&Machine>| -> Vec<String> {
            let engines = Engines::of_lab(&lab(""), machine);
            engines.hosts().map(ToString::to_string).collect()
        };
        assert_eq!(names(None), ["localhost"]);
        assert_eq!(names(Some(&Machine::new(host("tower")))), ["tower"]);
    }

    #[cfg(feature = "docker")]
    #[test]
    fn a_hosts_engine_is_where_the_lab_says() {
        let lab = lab("[hosts.a]\nengine = 'tcp://192.0.2.1:2375'\n\
             [hosts.b]\nengine = { address = 'tcp://192.0.2.2:2376', certificates = 'certs' }\n\
             [hosts.c]\nengine = 'context:no-such-context-here'\n[hosts.d]\nengine = '192.0.2.1'");
        let engines = Engines::of_lab(&lab, None);
        let endpoint = |name: &str| match &engines.targets[name].way {
            Way::Address(endpoint) => endpoint.clone(),
            _ => panic!("{name} has no address"),
        };
        assert_eq!(endpoint("a").to_string(), "tcp://192.0.2.1:2375");
        assert_eq!(
            endpoint("b").certificates(),
            Some(lab.root().join("certs").as_path())
        );
        assert_eq!(closed(&engines, "c"), Some(ErrorKind::NotFound));
        assert_eq!(
            closed(&engines, "d"),
            Some(ErrorKind::NotFound),
            "what means nothing is not used"
        );
        assert_eq!(lab.diagnostics().len(), 1, "and said: {:?}", lab.diagnostics());
    }

    #[tokio::test]
    async fn a_host_that_there_is_not_is_not_found() {
        let engines = Engines::new([Arc::new(memory("nas")) as Arc<dyn Engine>]);
        assert_eq!(engines.engine("nas").await.expect("there").host().as_str(), "nas");
        let error = engines.engine("mars").await.expect_err("not there");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.hint().is_some_and(|hint| hint.contains("`nas`")));
    }
}
