//! A tailnet's policy: compiling it, one question, and the whole table of who can reach what, at three sizes.
//! `cargo bench -p homelab-core --bench tailnet`; `bench/tailnet` measures tailnets of files.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use homelab_core::Source;
use homelab_core::tailnet::{Device, Policy, Roster, Tailnet, Target};

criterion_group!(benches, compile, ask);
criterion_main!(benches);

/// How many devices, rules and services.
const SIZES: [(usize, usize, usize); 3] = [(100, 100, 50), (1_000, 1_000, 500), (10_000, 1_000, 500)];

/// Numbers that are the same each time.
struct Drawn(u64);

impl Drawn {
    /// Returns a number below a limit.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }
}

fn login(person: usize) -> String {
    format!("person{person}@example.org")
}

/// A person for ten devices; every third device has a tag.
fn roster(devices: usize) -> Roster {
    let people = (devices / 10).max(1);
    let mut drawn = Drawn(1);
    let device = |number: usize| {
        let address = std::net::IpAddr::from([100, 64, (number / 250) as u8, (number % 250 + 1) as u8]);
        let device = Device::new(format!("host{number}"))
            .with_user(login(number % people))
            .with_addresses([address]);
        match drawn.below(3) {
            0 => device.with_tags([format!("tag:t{}", drawn.below(100))]),
            _ => device,
        }
    };
    Roster::new((0..devices).map(device), [])
}

/// Groups of up to forty people, and rules from groups, people, tags and everybody to tags, devices and people.
fn policy(devices: usize, rules: usize) -> Source {
    let people = (devices / 10).max(1);
    let mut drawn = Drawn(2);
    let mut text = "{\"groups\": {".to_owned();
    let put = "writing into a string does not fail";
    for group in 0..100 {
        let members: Vec<String> = (0..drawn.below(40) + 1)
            .map(|_| format!("\"{}\"", login(drawn.below(people))))
            .collect();
        write!(text, "\"group:g{group}\": [{}],", members.join(", ")).expect(put);
    }
    text.push_str("}, \"tagOwners\": {");
    for tag in 0..100 {
        write!(text, "\"tag:t{tag}\": [],").expect(put);
    }
    text.push_str("}, \"acls\": [\n");
    for _ in 0..rules {
        let from = match drawn.below(5) {
            0 | 1 => format!("group:g{}", drawn.below(100)),
            2 => login(drawn.below(people)),
            3 => format!("tag:t{}", drawn.below(100)),
            _ => "autogroup:member".to_owned(),
        };
        let to = match drawn.below(5) {
            0 | 1 => format!("tag:t{}", drawn.below(100)),
            2 | 3 => {
                let number = drawn.below(devices);
                format!("100.64.{}.{}", number / 250, number % 250 + 1)
            }
            _ => login(drawn.below(people)),
        };
        let port = ["22", "80", "443", "8080", "3000-3010", "*"][drawn.below(6)];
        writeln!(
            text,
            "{{\"action\": \"accept\", \"src\": [\"{from}\"], \"dst\": [\"{to}:{port}\"]}},"
        )
        .expect(put);
    }
    text.push_str("]}");
    Source::new("policy.hujson", text)
}

fn targets(devices: usize, services: usize) -> Vec<Target> {
    let mut drawn = Drawn(3);
    let mut target = || {
        format!(
            "host{}:{}",
            drawn.below(devices),
            [22, 443, 8080, 3001][drawn.below(4)]
        )
    };
    (0..services)
        .map(|_| target().parse().expect("a target"))
        .collect()
}

fn tailnet(policy: &Source, roster: &Roster) -> Tailnet {
    let policy = Policy::parse(policy).expect("a policy");
    Tailnet::new(policy, roster.clone()).expect("a tailnet")
}

fn compile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    for (devices, rules, _) in SIZES {
        let (policy, roster) = (policy(devices, rules), roster(devices));
        group.bench_function(BenchmarkId::from_parameter(devices), |bencher| {
            bencher.iter(|| tailnet(black_box(&policy), black_box(&roster)));
        });
    }
}

fn ask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("who_can_reach");
    group.sample_size(10);
    for (devices, rules, services) in SIZES {
        let tailnet = tailnet(&policy(devices, rules), &roster(devices));
        let targets = targets(devices, services);
        group.bench_function(BenchmarkId::new("one", devices), |bencher| {
            let mut all = targets.iter().cycle();
            bencher.iter(|| all.next().map(|target| tailnet.who_can_reach(black_box(target))));
        });
        group.bench_function(BenchmarkId::new("table", devices), |bencher| {
            let all = || targets.iter().map(|target| tailnet.who_can_reach(target));
            bencher.iter(|| all().collect::<Vec<_>>());
        });
    }
}
