//! A tailnet from its files, or from their texts.

#![expect(clippy::disallowed_methods, reason = "it loads the policy and the lists")]

use std::path::{Path, PathBuf};

use super::{Policy, Roster, Tailnet};
use crate::error::{Error, ErrorKind, Result};
use crate::span::Source;
use crate::view::PolicyCheckView;

impl Tailnet {
    /// Puts the policy of a file in force over the devices, and people, of others; `~` is the home of whoever runs this.
    ///
    /// What the files may be is said at [`Policy::parse`] and [`Roster::parse`]. Without a list of people nobody has a role.
    ///
    /// # Errors
    /// When a file cannot be read, or does not mean what it should; the error names line and value.
    pub fn load(
        policy: impl AsRef<Path>,
        devices: impl AsRef<Path>,
        users: Option<&Path>,
    ) -> Result<Tailnet> {
        let policy = read(policy.as_ref())?;
        let devices = read(devices.as_ref())?;
        let users = users.map(read).transpose()?;
        Tailnet::new(Policy::parse(&policy)?, roster(&devices, users.as_ref())?)
    }

    /// Puts the policy of a text in force over the devices, and people, of others.
    ///
    /// ```
    /// use homelab_core::tailnet::Tailnet;
    ///
    /// let policy = r#"{ "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"] }] }"#;
    /// let devices = r#"{"devices": [
    ///     {"hostname": "nas", "addresses": ["100.64.0.2"], "user": "alice@example.com"},
    ///     {"hostname": "phone", "addresses": ["100.64.0.1"], "user": "alice@example.com"}
    /// ]}"#;
    /// let tailnet = Tailnet::from_texts(policy, devices, None)?;
    /// assert_eq!(*tailnet.peers()["phone"][0], *"nas");
    /// # Ok::<(), homelab_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a text does not mean what it should; the error names line and value.
    pub fn from_texts(policy: &str, devices: &str, users: Option<&str>) -> Result<Tailnet> {
        let (policy, roster) = sources(policy, devices, users)?;
        Tailnet::new(Policy::parse(&policy)?, roster)
    }

    /// Says whether the service would accept the policy of a file for these devices and people, its own tests run; `~` is
    /// the home of whoever runs this.
    ///
    /// # Errors
    /// When a file cannot be read, or one of the lists is none; what is wrong with the policy is in the answer.
    pub fn judge_files(
        policy: impl AsRef<Path>,
        devices: impl AsRef<Path>,
        users: Option<&Path>,
    ) -> Result<PolicyCheckView> {
        let policy = read(policy.as_ref())?;
        let devices = read(devices.as_ref())?;
        let users = users.map(read).transpose()?;
        Ok(Tailnet::judge(&policy, roster(&devices, users.as_ref())?))
    }

    /// Says whether the service would accept the policy of a text for these devices and people, its own tests run.
    ///
    /// # Errors
    /// When one of the lists is none; what is wrong with the policy is in the answer.
    pub fn judge_texts(policy: &str, devices: &str, users: Option<&str>) -> Result<PolicyCheckView> {
        let (policy, roster) = sources(policy, devices, users)?;
        Ok(Tailnet::judge(&policy, roster))
    }
}

fn sources(policy: &str, devices: &str, users: Option<&str>) -> Result<(Source, Roster)> {
    let devices = Source::new("devices.json", devices);
    let users = users.map(|users| Source::new("users.json", users));
    Ok((
        Source::new("policy.hujson", policy),
        roster(&devices, users.as_ref())?,
    ))
}

fn roster(devices: &Source, users: Option<&Source>) -> Result<Roster> {
    let roster = Roster::parse(devices)?;
    match users {
        Some(users) => Ok(roster.with(Roster::parse(users)?)),
        None => Ok(roster),
    }
}

fn read(path: &Path) -> Result<Source> {
    let full: PathBuf = match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    };
    let text = std::fs::read_to_string(full).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::Unauthorised,
            _ => ErrorKind::Invalid,
        };
        Error::new(kind, format!("read `{}`", path.display()))
            .with_hint("name the policy, and the lists of devices and people that the service or `tailscale status --json` gives")
            .with_source(error)
    })?;
    Ok(Source::new(path.display().to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_or_named() {
        let folder = std::env::temp_dir().join(format!("homelab-tailnet-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (policy, devices) = (folder.join("policy.hujson"), folder.join("devices.json"));
        std::fs::write(&policy, "{ // everything is open\n \"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}],}")
            .expect("a file");
        std::fs::write(&devices, "{\"devices\": [{\"hostname\": \"nas\", \"addresses\": [\"100.64.0.2\"], \"user\": \"a@example.com\"}]}")
            .expect("a file");
        let tailnet = Tailnet::load(&policy, &devices, None).expect("both are valid");
        let error = Tailnet::load(folder.join("none"), &devices, None).expect_err("there is none");
        let judged = Tailnet::judge_files(&policy, &devices, None).expect("both are valid");
        let refused = Tailnet::judge_files(&devices, &devices, None).expect("it is an answer");
        let swapped = Tailnet::load(&devices, &devices, None).expect_err("it is no policy");
        std::fs::remove_dir_all(&folder).expect("to clean up");
        assert_eq!(tailnet.filters().len(), 1);
        assert!(judged.accepted && !refused.accepted);
        let place = refused.place.expect("the place of what is wrong");
        assert_eq!(place.file, devices.display().to_string());
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(swapped.kind(), ErrorKind::Invalid);
    }
}
