//! The parts of an audit, each alone: resolving, loading, judging, rendering. `cargo bench -p homelab-core`.
//!
//! `bench/run` measures the whole beside other programs.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use homelab_core::compose::Project;
use homelab_core::finding::TextOptions;
use homelab_core::{Lab, Observed};
use jiff::Timestamp;

criterion_group!(benches, resolve, load, judge, render);
criterion_main!(benches);

/// A project of so many services, with what real ones have: variables, ports, labels, mounts, anchors.
fn project(services: usize) -> String {
    let mut text =
        "x-common: &common\n  restart: unless-stopped\n  logging: {options: {max-size: 10m}}\nservices:\n"
            .to_owned();
    for number in 0..services {
        let port = 8000 + number;
        write!(
            text,
            r#"  app-{number}:
    <<: *common
    image: ghcr.io/example/app-{number}:${{VERSION:-1.2.{number}}}
    ports: ["127.0.0.1:{port}:80", "{port}:8080/udp"]
    environment:
      TZ: ${{TZ:-Europe/Berlin}}
      DATABASE_URL: postgres://app:${{DB_PASSWORD}}@db:5432/app
    labels:
      - traefik.enable=true
      - traefik.http.routers.app-{number}.rule=Host(`app-{number}.example.com`)
    volumes: ["data:/var/lib/app", "./config-{number}:/config:ro"]
    healthcheck: {{test: "curl -f http://localhost", interval: 30s}}
"#
        )
        .expect("writing into a string does not fail");
    }
    text.push_str("volumes:\n  data:\n");
    text
}

fn lab(projects: usize) -> Lab {
    Lab::from_texts(
        "bench",
        (0..projects).map(|number| (format!("services/p{number}/compose.yaml"), project(4))),
    )
}

fn seen() -> Observed {
    Observed::none(Timestamp::UNIX_EPOCH)
}

fn resolve(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resolve");
    for services in [1, 10, 100] {
        let text = project(services);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("{services} services"), |bench| {
            bench.iter(|| Project::from_text("bench", black_box(&text)).expect("it is YAML"));
        });
    }
    group.finish();
}

fn load(criterion: &mut Criterion) {
    criterion.bench_function("load 20 projects", |bench| bench.iter(|| lab(black_box(20))));
}

fn judge(criterion: &mut Criterion) {
    let (lab, seen) = (lab(20), seen());
    criterion.bench_function("audit 20 projects", |bench| {
        bench.iter(|| lab.audit(black_box(&seen)))
    });
}

fn render(criterion: &mut Criterion) {
    let report = lab(20).audit(&seen());
    let mut group = criterion.benchmark_group("render");
    group.bench_function("text", |bench| {
        bench.iter(|| report.to_text(black_box(&TextOptions::default())))
    });
    group.bench_function("json", |bench| bench.iter(|| report.to_json()));
    group.bench_function("sarif", |bench| bench.iter(|| report.to_sarif()));
    group.bench_function("html", |bench| bench.iter(|| report.to_html()));
    group.finish();
}
