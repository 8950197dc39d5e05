//! Neither a split nor its template can be exported: only what was proven, and that nobody makes but the proof.

use homelab_core::split::Template;
use homelab_core::stratum::Shareable;
use homelab_core::{Lab, Plan, Split};

fn export(template: &Shareable<Template>, to: &Lab) -> Plan {
    template.plan_export(to).unwrap()
}

fn main() {
    let lab = Lab::from_texts("home", [("a.md", "")]);
    let split: Split = lab.split(&homelab_core::Observed::none("2026-12-01T00:00:00Z".parse().unwrap())).unwrap();
    split.plan_export(&lab);
    split.template().plan_export(&lab);
    export(split.template(), &lab);
    let _ = Template { files: Default::default() };
    let _ = Shareable::proven(split.template().clone());
}
