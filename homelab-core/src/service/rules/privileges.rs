//! Containers that are let out of their box: privileges, the host's namespaces, capabilities.

use super::{Declared, folder};
use crate::compose::{Field, NetworkMode};
use crate::finding::{Evidence, Finding, Principle, Rule, Severity};
use crate::lab::in_words;
use crate::system::Category;

pub(super) static PRIVILEGED: Rule = Rule {
    id: "service.privileged",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Warning,
    title: "a container runs with all privileges",
    why: "`privileged` gives every device and every capability of the machine: a hole in the application is a hole in \
          the machine. What needs it mostly needs one device or one capability.",
    fix: "Delete `privileged`, and give what is needed: `devices: [/dev/...]`, or one entry of `cap_add`.",
    opt_in: false,
};

pub(super) static HOST_NAMESPACE: Rule = Rule {
    id: "service.host-namespace",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Warning,
    title: "a container shares a namespace of the machine",
    why: "With the machine's processes or shared memory a container sees, and may signal or read, what is not its own.",
    fix: "Delete the line; an application that needs more shared memory gets it by `shm_size`.",
    opt_in: false,
};

pub(super) static DANGEROUS_CAPABILITY: Rule = Rule {
    id: "service.dangerous-capability",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Warning,
    title: "a container has a capability by which it can take over the machine",
    why: "Some capabilities are as good as root outside the container: mounting file systems, loading kernel modules, \
          reading any process's memory or any file.",
    fix: "Delete the capability, or give the single device or path that the application needs instead.",
    opt_in: false,
};

/// Capabilities that lead out of a container, without the prefix `CAP_`.
const DANGEROUS: [&str; 9] = [
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_BOOT",
    "DAC_READ_SEARCH",
    "BPF",
    "MAC_ADMIN",
];

pub(super) fn judge(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    let privileged = declared.service.privileged.as_ref().filter(|field| field.value);
    if let Some(field) = privileged {
        // What follows is part of it, and stands by itself where it is accepted.
        let mut parts = Vec::new();
        folder::given(declared, &mut parts);
        namespaces(declared, &mut parts);
        capabilities(declared, &mut parts);
        let finding = privileged_finding(declared, field);
        findings.push(parts.into_iter().fold(finding, Finding::with_part));
        return;
    }
    namespaces(declared, findings);
    capabilities(declared, findings);
}

fn privileged_finding(declared: &Declared<'_>, field: &Field<bool>) -> Finding {
    let name = declared.called();
    if runs_an_engine(declared) {
        return declared
            .finding(
                &PRIVILEGED,
                format!("`{name}` runs containers of its own, with all privileges of the machine"),
                &field.span,
            )
            .with_severity(Severity::Note)
            .with_fix("Run it in a virtual machine where others may start containers in it.");
    }
    declared.finding(
        &PRIVILEGED,
        format!("`{name}` runs with all privileges"),
        &field.span,
    )
}

/// Returns whether the image is an engine itself, which cannot work without privileges.
fn runs_an_engine(declared: &Declared<'_>) -> bool {
    declared.image.as_ref().is_some_and(|image| {
        let tag = image.tag().unwrap_or_default();
        image.base_name() == "k3s" || tag.split('-').any(|part| part == "dind")
    })
}

fn namespaces<'a>(declared: &Declared<'a>, findings: &mut Vec<Finding>) {
    let service = declared.service;
    // What watches a machine's processes must see them.
    let watches = declared.is_one_of(&[Category::Monitoring]);
    let of_host = |what: &'static str, field: &'a Option<Field<String>>, meant: bool| {
        let field = field.as_ref().filter(|field| field.value == "host" && !meant)?;
        Some((what, field))
    };
    let grave = [
        of_host("processes", &service.pid, watches),
        of_host("shared memory", &service.ipc, false),
    ];
    let slight = [
        of_host("host name", &service.uts, false),
        of_host("control groups", &service.cgroup, watches),
    ];
    let users = of_host("users", &service.userns_mode, false);
    let shared: Vec<_> = grave.iter().chain(&slight).flatten().copied().collect();
    let name = declared.called();
    let is_grave = |field: &Field<String>| {
        grave
            .iter()
            .flatten()
            .any(|(_, other)| std::ptr::eq(*other, field))
    };
    let weighed = |finding: Finding, is_grave: bool| match is_grave {
        true => finding,
        // By these alone nothing of another's can be read.
        false => finding.with_severity(Severity::Note),
    };
    let Some((_, first)) = shared.first() else {
        if let Some((_, users)) = users {
            // It changes nothing on an engine that does not remap users, which is most of them.
            let message =
                format!("`{name}` is left out where the engine gives containers users of their own");
            let finding = declared.finding(&HOST_NAMESPACE, message, &users.span);
            findings.push(finding.with_severity(Severity::Note));
        }
        return;
    };
    let shared: Vec<_> = shared.iter().copied().chain(users).collect();
    let whats: Vec<String> = shared.iter().map(|(what, _)| (*what).to_owned()).collect();
    let message = format!("`{name}` shares the machine's {}", in_words(&whats, "and", 5));
    let finding = declared.finding(&HOST_NAMESPACE, message, &first.span);
    let finding = shared.iter().skip(1).fold(finding, |finding, (what, field)| {
        let message = format!("`{name}` shares the machine's {what}");
        let part = declared.finding(&HOST_NAMESPACE, message, &field.span);
        finding
            .with_evidence(Evidence::at(format!("shares the machine's {what}"), &field.span))
            .with_part(weighed(part, is_grave(field)))
    });
    findings.push(weighed(finding, grave.iter().any(Option::is_some)));
}

fn capabilities(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    let dangerous: Vec<&Field<String>> = declared
        .service
        .cap_add
        .iter()
        .filter(|capability| is_dangerous(declared, &capability.value))
        .collect();
    let Some(first) = dangerous.first() else {
        return;
    };
    let names: Vec<String> = dangerous
        .iter()
        .map(|field| format!("`{}`", field.value))
        .collect();
    let finding = |names: &[String], field: &Field<String>| {
        let message = format!("`{}` has {}", declared.called(), in_words(names, "and", 4));
        declared.finding(&DANGEROUS_CAPABILITY, message, &field.span)
    };
    let others = dangerous.iter().zip(names.chunks(1)).skip(1);
    findings.push(others.fold(finding(&names, first), |whole, (field, name)| {
        whole.with_part(finding(name, field))
    }));
}

fn is_dangerous(declared: &Declared<'_>, capability: &str) -> bool {
    let upper = capability.to_ascii_uppercase();
    let network = [Category::Vpn, Category::Tailnet, Category::Dns, Category::Tunnel];
    match upper.strip_prefix("CAP_").unwrap_or(&upper) {
        // In a network of its own it harms nobody; in the machine's it can open the machine's firewall, which is what
        // VPNs and name servers with DHCP are for.
        "NET_ADMIN" => {
            let hosts = declared.service.network_mode.as_ref();
            hosts.is_some_and(|mode| mode.value == NetworkMode::Host) && !declared.is_one_of(&network)
        }
        // WireGuard's images load its module on old kernels.
        "SYS_MODULE" => !declared.is_one_of(&[Category::Vpn, Category::Tailnet]),
        // Reading other processes and the disks' health is what these are for.
        "SYS_PTRACE" | "SYS_RAWIO" => !declared.is_one_of(&[Category::Monitoring]),
        name => DANGEROUS.contains(&name),
    }
}
