//! Prints which share of a corpus's services is recognised, by what, and the most frequent images that are not.
//!
//! `recognised [--corpus FOLDER] [--show K] [--least PERCENT]`: the folder is `$HOMELAB_CORPUS` unless given; `--show`
//! prints K images (default 40); with `--least` it exits 1 when fewer of the services with a public image are
//! recognised.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use homelab_core::compose::{Project, ResolveOptions};
use homelab_core::system::{Basis, Catalog, Category};
use homelab_tests::corpus::Corpus;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("recognised: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let mut folder = env::var_os("HOMELAB_CORPUS").map(PathBuf::from);
    let (mut show, mut least) = (40, 0.0);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--corpus" => folder = Some(value()?.into()),
            "--show" => show = value()?.parse().map_err(|_| "--show needs a number")?,
            "--least" => least = value()?.parse().map_err(|_| "--least needs a number")?,
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    let corpus = Corpus::load(&folder.ok_or("set HOMELAB_CORPUS, or give --corpus FOLDER")?)?;
    let start = Instant::now();
    let catalog = Catalog::builtin();
    println!(
        "catalog of {} systems read in {:?}",
        catalog.systems().len(),
        start.elapsed()
    );

    let mut count = Count::default();
    for case in corpus.cases() {
        let file = corpus.files().join(&case.path);
        if let Ok(project) = Project::resolve(&ResolveOptions::lenient().with_files([file])) {
            count.add(catalog, &project);
        }
    }
    count.print(show);
    Ok(share(count.recognised, count.with_image) >= least)
}

#[derive(Default)]
struct Count {
    services: usize,
    with_image: usize,
    recognised: usize,
    base: usize,
    generic: usize,
    bases: BTreeMap<Basis, usize>,
    categories: BTreeMap<Category, usize>,
    unknown: BTreeMap<String, usize>,
    time: Duration,
}

impl Count {
    fn add(&mut self, catalog: &Catalog, project: &Project) {
        for service in project.services().values() {
            let start = Instant::now();
            let found = catalog.explain(service);
            self.time += start.elapsed();
            self.services += 1;
            self.with_image += usize::from(service.image.is_some());
            match (found, &service.image) {
                (Some(found), _) => {
                    self.recognised += 1;
                    self.base += usize::from(found.system().category() == Category::Base);
                    self.generic += usize::from(found.system().is_generic());
                    *self.bases.entry(found.basis()).or_default() += 1;
                    *self.categories.entry(found.system().category()).or_default() += 1;
                }
                (None, Some(image)) => *self.unknown.entry(image.value.clone()).or_default() += 1,
                (None, None) => {}
            }
        }
    }

    fn print(&self, show: usize) {
        println!(
            "{} services, {} with an image; recognised {}: {:.1} % of all, {:.1} % of those with an image ({} of them bare base images, {} by kind only)",
            self.services,
            self.with_image,
            self.recognised,
            share(self.recognised, self.services),
            share(self.recognised, self.with_image),
            self.base,
            self.generic,
        );
        println!(
            "time to recognise: {:?} a service",
            self.time / self.services.max(1) as u32
        );
        println!("by: {:?}", self.bases);
        let mut unknown: Vec<_> = self.unknown.iter().collect();
        unknown.sort_by_key(|(image, count)| (std::cmp::Reverse(**count), *image));
        for (category, count) in &self.categories {
            print!("{category} {count}; ");
        }
        println!(
            "\n{} images are not recognised; the most frequent:",
            unknown.len()
        );
        for (image, count) in unknown.into_iter().take(show) {
            println!("{count:5} {image}");
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
