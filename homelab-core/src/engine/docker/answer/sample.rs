//! Samples of what containers use, as engines tell them.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Map, moment};
use crate::engine::StatSample;
use crate::inventory::EngineKind;

#[derive(Debug, Deserialize)]
pub(in super::super) struct Stats {
    read: Option<String>,
    cpu_stats: Option<Cpu>,
    memory_stats: Option<Memory>,
    networks: Map<Traffic>,
    blkio_stats: Option<Blocks>,
    pids_stats: Option<Pids>,
}

#[derive(Debug, Deserialize)]
struct Cpu {
    cpu_usage: Option<CpuUsage>,
    system_cpu_usage: Option<u64>,
    online_cpus: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct CpuUsage {
    total_usage: Option<u64>,
    percpu_usage: Option<Vec<u64>>,
}

#[derive(Debug, Default, Deserialize)]
struct Memory {
    usage: Option<u64>,
    limit: Option<u64>,
    stats: Map<u64>,
}

#[derive(Debug, Deserialize)]
struct Traffic {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Blocks {
    io_service_bytes_recursive: Option<Vec<Block>>,
}

#[derive(Debug, Deserialize)]
struct Block {
    op: Option<String>,
    value: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Pids {
    current: Option<u64>,
}

/// What a container had used of the processors at one moment, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Used {
    at: Timestamp,
    own: u64,
    /// What the whole machine had; Podman tells something else in its place.
    machine: Option<u64>,
}

impl Stats {
    /// Returns the sample, and what the next one is compared with; none once the container has ended: engines then go on
    /// with samples that say nothing.
    pub(in super::super) fn told(self, before: Option<Used>, kind: EngineKind) -> Option<(StatSample, Used)> {
        let at = moment(self.read.as_ref())?;
        let memory = self.memory_stats.unwrap_or_default();
        let usage = memory.usage?;
        let processes = self.pids_stats.and_then(|pids| pids.current).unwrap_or(0);
        let cpu = self.cpu_stats?;
        let own = cpu.cpu_usage.as_ref().and_then(|usage| usage.total_usage)?;
        let used = Used {
            at,
            own,
            machine: cpu.system_cpu_usage.filter(|_| kind == EngineKind::Docker),
        };
        let listed = cpu.cpu_usage.and_then(|usage| usage.percpu_usage);
        let processors = match cpu.online_cpus {
            Some(number) if number > 0 => number,
            _ => listed.map_or(1, |each| each.len().max(1) as u64),
        };
        let traffic = self.networks.unwrap_or_default();
        let blocks = self
            .blkio_stats
            .and_then(|blocks| blocks.io_service_bytes_recursive);
        let blocks = blocks.unwrap_or_default();
        let moved = |wanted: &str| {
            let wanted = |block: &&Block| {
                block
                    .op
                    .as_deref()
                    .is_some_and(|op| op.eq_ignore_ascii_case(wanted))
            };
            blocks.iter().filter(wanted).filter_map(|block| block.value).sum()
        };
        // The part of the cache that is given back first: version 2 of control groups, then version 1.
        let stats = memory.stats.unwrap_or_default();
        let cache = ["inactive_file", "total_inactive_file"].iter().find_map(|name| {
            match (*name, stats.contains_key("total_inactive_file")) {
                // Version 1 has both, and means the one with its children.
                ("inactive_file", true) => None,
                _ => stats.get(*name),
            }
        });
        let sample = StatSample {
            at,
            cpu_percent: before.map(|before| percent(before, used, processors)),
            memory: usage.saturating_sub(cache.copied().filter(|cache| *cache < usage).unwrap_or(0)),
            memory_limit: memory.limit.unwrap_or(0),
            received: traffic.values().filter_map(|one| one.rx_bytes).sum(),
            sent: traffic.values().filter_map(|one| one.tx_bytes).sum(),
            read: moved("read"),
            written: moved("write"),
            processes,
        };
        Some((sample, used))
    }
}

/// Returns how much of one processor was used between two moments: the share of what the machine used times its
/// processors, as `docker stats` has it; where the machine's is not known, the share of the time that passed, which is
/// the same.
#[expect(clippy::cast_precision_loss, reason = "a percentage")]
fn percent(before: Used, now: Used, processors: u64) -> f64 {
    let own = now.own.saturating_sub(before.own) as f64;
    let passed = match (before.machine, now.machine) {
        (Some(before), Some(now)) => now.saturating_sub(before) as f64 / processors as f64,
        _ => now.at.duration_since(before.at).as_secs_f64() * 1e9,
    };
    match passed > 0.0 {
        true => own / passed * 100.0,
        false => 0.0,
    }
}
