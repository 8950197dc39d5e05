//! What the containers of a service, a project or a whole lab have written, as one.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Engine, Engines, Feed, LogLine, LogOptions, Output, Sink};
use crate::error::{Error, ErrorKind, Result};
use crate::lab::Lab;
use crate::name::{HostName, ServiceId};
use crate::observed::Observed;
use crate::view::LogLineView;

/// A line, and who wrote it. Displays as `immich/server | listening on 2283`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The service, with its host.
    pub id: ServiceId,
    /// The container's name.
    pub container: String,
    /// What it wrote.
    pub line: LogLine,
}

impl Logged {
    /// Returns what one container of an engine has written, as [`Engine::logs`] has it, with the service that its labels say:
    /// no lab is asked.
    pub fn of(engine: Arc<dyn Engine>, container: &str, options: LogOptions) -> Feed<Logged> {
        let container = container.to_owned();
        Feed::new(move |sink| async move {
            let seen = engine.container(&container).await?;
            let writer = Writer {
                id: seen.own_id(engine.host()),
                // Of that name there may be another one by the time that it is read.
                container: seen.id,
                name: seen.name,
                engine,
            };
            let mut feed = writer.read(&options);
            while let Some(line) = feed.next().await? {
                sink.send(writer.logged(line)).await;
            }
            Ok(())
        })
    }

    /// Returns it as plain data.
    pub fn view(&self) -> LogLineView {
        LogLineView {
            host: self.id.host().map(ToString::to_string).unwrap_or_default(),
            project: self.id.project().to_string(),
            service: self.id.service().to_string(),
            container: self.container.clone(),
            at: self.line.at.map(|at| at.to_string()),
            output: match self.line.output {
                Output::Stdout => "stdout".to_owned(),
                Output::Stderr => "stderr".to_owned(),
            },
            text: self.line.text.clone(),
            continues: self.line.continues,
            line: self.to_string(),
        }
    }
}

/// What a program writes may hold what a terminal obeys: it is shown, and not done.
impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} | ", self.id.project(), self.id.service())?;
        for letter in self.line.text.chars() {
            match letter {
                '\t' => f.write_str("\t")?,
                letter if letter.is_control() => write!(f, "{}", letter.escape_default())?,
                letter => write!(f, "{letter}")?,
            }
        }
        Ok(())
    }
}

/// A container, and the engine that has it.
struct Writer {
    engine: Arc<dyn Engine>,
    id: ServiceId,
    /// The container's own id: of that name there may be another one by now.
    container: String,
    name: String,
}

impl Writer {
    fn read(&self, options: &LogOptions) -> Feed<LogLine> {
        self.engine.logs(&self.container, options.clone())
    }

    fn logged(&self, line: LogLine) -> Logged {
        Logged {
            id: self.id.clone(),
            container: self.name.clone(),
            line,
        }
    }
}

impl Engines {
    /// Returns what the containers of a target have written: in the order of time, and where it is followed, as it comes.
    ///
    /// Targets are as for [`Lab::plan_start`]. Of each container all lines come, in order; where one cannot be read to the
    /// end, the feed fails, and so it does where an engine is lost. What is followed ends when all of them have. It is read
    /// by as many connections as there are containers, and goes no faster than its reader.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use homelab_core::engine::memory::MemoryEngine;
    /// use homelab_core::engine::{Engine, Engines, LogOptions};
    /// use homelab_core::inventory::Container;
    /// use homelab_core::{Lab, Observed};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let lab = Lab::from_texts("home", [("web/compose.yaml", "services: { site: { image: nginx } }")]);
    /// let nas = MemoryEngine::new("nas".parse()?);
    /// nas.insert(Container::new("1", "web-site-1"));
    /// nas.log("web-site-1", "ready");
    /// let engines = Engines::new([Arc::new(nas) as Arc<dyn Engine>]);
    /// let at = "2027-01-01T00:00:00Z".parse()?;
    /// let seen = Observed::none(at).with_inventory(engines.inventory().await);
    ///
    /// let lines = engines.logs(&lab, "web", &seen, LogOptions::default())?.all().await?;
    /// assert_eq!(lines[0].to_string(), "web/site | ready");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Lab::plan_start`] where there is no such thing. That an engine is not reached the feed says.
    pub fn logs(
        &self,
        lab: &Lab,
        target: &str,
        seen: &Observed,
        options: LogOptions,
    ) -> Result<Feed<Logged>> {
        let placements = lab.containers_of(target, seen)?;
        let wanted: Vec<_> = placements
            .iter()
            .map(|placement| {
                let (host, container) = (placement.host().host.clone(), placement.container());
                (host, placement.id(), container.id.clone(), container.name.clone())
            })
            .collect();
        let engines = self.clone();
        Ok(Feed::new(move |sink| async move {
            let mut reached: BTreeMap<HostName, Arc<dyn Engine>> = BTreeMap::new();
            let mut writers = Vec::new();
            for (host, id, container, name) in wanted {
                let engine = match reached.get(&host) {
                    Some(engine) => engine.clone(),
                    None => engines.engine(host.as_str()).await?,
                };
                reached.insert(host, engine.clone());
                writers.push(Writer {
                    engine,
                    id,
                    container,
                    name,
                });
            }
            match options.follow {
                true => followed(writers, &options, &sink).await,
                false => merged(&writers, &options, &sink).await,
            }
        }))
    }
}

/// Each line when it comes.
async fn followed(writers: Vec<Writer>, options: &LogOptions, sink: &Sink<Logged>) -> Result<()> {
    // Dropped with this future, and with it its tasks.
    let mut tasks = JoinSet::new();
    let (sender, mut lines) = tokio::sync::mpsc::channel(16);
    for writer in writers {
        let (sender, options) = (sender.clone(), options.clone());
        tasks.spawn(async move {
            let mut feed = writer.read(&options);
            while let Some(line) = feed.next().await? {
                // It fails only when nobody reads any more, and then this is dropped as well.
                let _ = sender.send(writer.logged(line)).await;
            }
            Ok(())
        });
    }
    drop(sender);
    let mut failed = None;
    loop {
        tokio::select! {
            biased;
            line = lines.recv() => match line {
                Some(line) => sink.send(line).await,
                // All have ended: how is told below.
                None => break,
            },
            Some(ended) = tasks.join_next() => {
                if let Err(error) = outcome(ended) {
                    failed = Some(error);
                    break;
                }
            }
        }
    }
    while let (None, Some(ended)) = (&failed, tasks.join_next().await) {
        failed = outcome(ended).err();
    }
    failed.map_or(Ok(()), Err)
}

fn outcome(ended: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    // It is cancelled where the runtime ends, and panics where a given engine does.
    ended.unwrap_or_else(|_| Err(Error::new(ErrorKind::Cancelled, "read the logs")))
}

/// All lines in the order of time: of each container one is in hand.
async fn merged(writers: &[Writer], options: &LogOptions, sink: &Sink<Logged>) -> Result<()> {
    let mut feeds = Vec::new();
    for writer in writers {
        let mut feed = writer.read(options);
        let first = feed.next().await?;
        feeds.push((writer, feed, VecDeque::from_iter(first)));
    }
    loop {
        // A line without a moment is told at once; of two at one moment that of the first container.
        let next = feeds
            .iter()
            .enumerate()
            .filter_map(|(index, (_, _, waiting))| Some((waiting.front()?.at, index)))
            .min();
        let Some((_, index)) = next else {
            return Ok(());
        };
        let (writer, feed, waiting) = &mut feeds[index];
        if let Some(line) = waiting.pop_front() {
            sink.send(writer.logged(line)).await;
        }
        waiting.extend(feed.next().await?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::memory::{Fault, MemoryEngine};
    use crate::inventory::{Container, ContainerState};

    fn lab() -> Lab {
        Lab::from_texts(
            "home",
            [(
                "web/compose.yaml",
                "services: { site: { image: nginx }, db: { image: postgres } }",
            )],
        )
    }

    fn engine() -> (MemoryEngine, Engines) {
        let engine = MemoryEngine::new("nas".parse().expect("a name"));
        for service in ["site", "db"] {
            let mut container = Container::new(format!("id-{service}"), format!("web-{service}-1"));
            container.state = ContainerState::Running;
            engine.insert(container);
        }
        let engines = Engines::new([Arc::new(engine.clone()) as Arc<dyn Engine>]);
        (engine, engines)
    }

    async fn seen(engines: &Engines) -> Observed {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        Observed::none(at).with_inventory(engines.inventory().await)
    }

    async fn read(engines: &Engines, target: &str, options: LogOptions) -> Result<Vec<String>> {
        let feed = engines.logs(&lab(), target, &seen(engines).await, options)?;
        Ok(feed.all().await?.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn lines_of_several_containers_come_in_the_order_of_time() {
        let (engine, engines) = engine();
        for number in 0..50 {
            let name = ["web-site-1", "web-db-1"][number % 2];
            engine.log(name, &format!("line {number}"));
        }
        let lines = read(&engines, "web", LogOptions::default()).await.expect("lines");
        let expected: Vec<String> = (0..50)
            .map(|number| format!("web/{} | line {number}", ["site", "db"][number % 2]))
            .collect();
        assert_eq!(lines, expected);
        let one = read(&engines, "web/db", LogOptions::default())
            .await
            .expect("lines");
        assert_eq!(one.len(), 25);
        let last = LogOptions {
            tail: Some(1),
            ..LogOptions::default()
        };
        assert_eq!(
            read(&engines, "web", last).await.expect("lines"),
            ["web/site | line 48", "web/db | line 49"]
        );
    }

    #[tokio::test]
    async fn what_is_followed_comes_and_ends_with_its_containers() {
        use crate::engine::EngineExt as _;
        let (engine, engines) = engine();
        engine.log("web-site-1", "one");
        let follow = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let (lab, seen) = (lab(), seen(&engines).await);
        let mut feed = engines.logs(&lab, "web", &seen, follow).expect("there");
        let next = async |feed: &mut Feed<Logged>| {
            let line = feed.next().await.expect("it answers");
            line.map(|line| line.to_string())
        };
        assert_eq!(next(&mut feed).await.as_deref(), Some("web/site | one"));
        engine.log("web-db-1", "two");
        assert_eq!(next(&mut feed).await.as_deref(), Some("web/db | two"));
        engine.kill("web-site-1", "SIGKILL").await.expect("it ends");
        engine.log("web-db-1", "three");
        assert_eq!(next(&mut feed).await.as_deref(), Some("web/db | three"));
        engine.kill("web-db-1", "SIGKILL").await.expect("it ends");
        assert_eq!(next(&mut feed).await, None);
    }

    #[tokio::test]
    async fn what_is_not_there_or_not_reached_is_an_error() {
        let (engine, engines) = engine();
        let kind = |result: Result<Vec<String>>| result.expect_err("not read").kind();
        assert_eq!(
            kind(read(&engines, "nothing", LogOptions::default()).await),
            ErrorKind::NotFound
        );
        let (lab, seen) = (lab(), seen(&engines).await);
        for follow in [true, false] {
            let options = LogOptions {
                follow,
                ..LogOptions::default()
            };
            engine.fail(None);
            let feed = engines.logs(&lab, "web", &seen, options).expect("there");
            engine.fail(Some(Fault::Unreachable));
            assert_eq!(feed.all().await.expect_err("lost").kind(), ErrorKind::Unreachable);
        }
    }

    #[tokio::test]
    async fn one_container_is_read_without_a_lab() {
        let (engine, engines) = engine();
        engine.log("web-db-1", "ready");
        let nas = engines.engine("nas").await.expect("there");
        let read = |name: &str| Logged::of(nas.clone(), name, LogOptions::default()).all();
        let lines = read("web-db-1").await.expect("read");
        assert_eq!(
            (lines[0].to_string().as_str(), lines[0].container.as_str()),
            ("_/web-db-1 | ready", "web-db-1")
        );
        assert_eq!(
            read("nothing").await.expect_err("not there").kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let logged = Logged {
            id: ServiceId::new(
                None,
                "web".parse().expect("a name"),
                "site".parse().expect("a name"),
            ),
            container: "web-site-1".into(),
            line: LogLine {
                at: None,
                output: Output::Stdout,
                text: "a\tb\u{1b}[2J\r".into(),
                continues: false,
            },
        };
        assert_eq!(logged.to_string(), "web/site | a\tb\\u{1b}[2J\\r");
    }
}
