//! The container engine's socket in a container.

use super::Declared;
use crate::compose::{Mount, MountKind};
use crate::finding::{Finding, Principle, Rule, Severity};
use crate::system::{Category, SocketUse};

pub(super) static DOCKER_SOCKET: Rule = Rule {
    id: "service.docker-socket",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Warning,
    title: "the container engine's socket is handed to a service",
    why: "Whoever can speak to the engine can start a privileged container, and so is root on the machine. Mounting \
          the socket read-only does not change that: it protects the file, not what is asked through it.",
    fix: "Take the mount away, or put a socket proxy between that lets through only what the service asks for.",
    opt_in: false,
};

pub(super) static PUBLISHED_SOCKET_PROXY: Rule = Rule {
    id: "service.published-socket-proxy",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Error,
    title: "a socket proxy is published beyond the machine",
    why: "A socket proxy asks nobody who they are: everybody who reaches its port speaks to the engine. Even its \
          reading side shows every container's environment, with the secrets in it.",
    fix: "Delete the port, and let the services that use it share an internal network with it.",
    opt_in: false,
};

pub(super) fn judge(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    if declared.is_one_of(&[Category::SocketProxy]) {
        published_proxy(declared, findings);
        return;
    }
    let Some(mount) = declared
        .service
        .mounts
        .iter()
        .find(|mount| is_socket(&mount.value))
    else {
        return;
    };
    let name = declared.called();
    let read_only = if mount.value.read_only {
        ", read-only, which protects the file and not the engine"
    } else {
        ""
    };
    findings.push(match declared.system.and_then(|system| system.docker_socket()) {
        // It cannot do its work without; that it is as good as root is still worth knowing.
        Some(SocketUse::Manage) => declared
            .finding(
                &DOCKER_SOCKET,
                format!("`{name}` manages containers through the engine's socket: who gets into it is root"),
                &mount.span,
            )
            .with_severity(Severity::Note)
            .with_fix("Keep it on the tailnet, behind its own login, and nowhere else."),
        Some(SocketUse::Read) => declared
            .finding(
                &DOCKER_SOCKET,
                format!("`{name}` only reads, and has the engine's whole socket{read_only}"),
                &mount.span,
            )
            .with_fix("Put a socket proxy between that lets through only reading."),
        None => declared.finding(
            &DOCKER_SOCKET,
            format!("`{name}` has the engine's socket{read_only}"),
            &mount.span,
        ),
    });
}

/// Returns whether a mount brings in the engine's socket: the file itself, or the folder that it is in.
fn is_socket(mount: &Mount) -> bool {
    if mount.kind != MountKind::Bind {
        return false;
    }
    let names_socket = |path: &str| {
        let file = path.rsplit('/').next().unwrap_or(path);
        matches!(
            file,
            "docker.sock" | "podman.sock" | "containerd.sock" | "docker.raw.sock"
        )
    };
    let source = mount.source.as_deref().unwrap_or_default().trim_end_matches('/');
    // A source of which a variable has no value may still be told by its target.
    names_socket(source)
        || names_socket(&mount.target)
        || matches!(source, "/run" | "/var/run" | "/run/podman" | "/run/containerd")
}

fn published_proxy(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    let beyond = declared
        .service
        .ports
        .iter()
        .find(|port| port.value.host_ip.is_none_or(|address| !address.is_loopback()));
    if let Some(port) = beyond {
        let address = match port.value.host_ip {
            Some(address) => format!("on {address}"),
            None => "on all interfaces".to_owned(),
        };
        let message = format!("the engine is published {address} through the socket proxy");
        findings.push(declared.finding(&PUBLISHED_SOCKET_PROXY, message, &port.span));
    }
}
