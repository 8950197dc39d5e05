//! The tailnet of a lab: its policy file over the devices that instance.toml declares and that this machine sees.

use super::device::{Device, Roster};
use super::{Policy, Tailnet};
use crate::error::{Error, ErrorKind, Result};
use crate::lab::{FileKind, Lab};
use crate::observed::Observed;
use crate::span::Source;

impl Lab {
    /// Returns the lab's tailnet: the policy file that instance.toml names, else the only one that there is, over the devices
    /// and people of instance.toml.
    ///
    /// What this machine's own device says, where it was observed, wins over what the file says of that device, and the
    /// devices that it sees are there too. Its roster [is whole](Roster::is_whole) where the file declares devices.
    ///
    /// ```
    /// use homelab_core::{Lab, Observed};
    ///
    /// let lab = Lab::from_texts("home", [
    ///     ("instance.toml", "[tailnet]\npolicy = 'policy.hujson'\n\n[[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.2']\n"),
    ///     ("policy.hujson", "{\"acls\": []} // nobody reaches anything"),
    /// ]);
    /// let tailnet = lab.tailnet(&Observed::none("2027-01-01T00:00:00Z".parse()?))?;
    /// assert!(tailnet.filters()["nas"].is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` where no policy file is named or there, `Ambiguous` where none is named and there are several, and
    /// whatever is wrong in it.
    pub fn tailnet(&self, seen: &Observed) -> Result<Tailnet> {
        Tailnet::new(Policy::parse(&self.tailnet_policy()?)?, self.tailnet_roster(seen))
    }

    fn tailnet_policy(&self) -> Result<Source> {
        let name = "find the tailnet's policy";
        let hint = "keep it in the lab's folder, and name it in instance.toml: `policy = \"policy.hujson\"` in `[tailnet]`";
        if let Some(path) = self.instance().tailnet().and_then(|tailnet| tailnet.policy()) {
            let plain = path.value().trim_start_matches("./");
            let text = self.manifest().file(plain).and_then(|file| file.text());
            return text.map(|text| Source::new(plain, text)).ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("{name}: there is no file `{}`", path.value()),
                )
                .with_place(path.span().clone())
                .with_hint(hint)
            });
        }
        let files = self.manifest().files().iter();
        let policies: Vec<_> = files
            .filter(|file| file.kind() == FileKind::TailnetPolicy)
            .collect();
        match policies[..] {
            [file] => file.text().map(|text| Source::new(file.path(), text)),
            [] => None,
            _ => {
                let paths: Vec<String> = policies.iter().map(|file| format!("`{}`", file.path())).collect();
                let message = format!("{name}: there are {}", paths.join(", "));
                return Err(Error::new(ErrorKind::Ambiguous, message).with_hint(hint));
            }
        }
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{name}: there is none")).with_hint(hint))
    }

    fn tailnet_roster(&self, seen: &Observed) -> Roster {
        let declared = self.instance().roster();
        let Some(node) = seen.tailnet().map(|seen| seen.value()) else {
            let whole = !declared.devices().is_empty();
            return declared.with_whole(whole);
        };
        let same = |one: &Device, other: &Device| {
            let own = other.addresses();
            one.addresses().iter().any(|address| own.contains(address))
        };
        let mut devices = declared.devices().to_vec();
        for device in node.status().roster().devices() {
            if !devices.iter().any(|known| same(known, device)) {
                devices.push(device.clone());
            }
        }
        let own = node.status().own();
        for device in devices
            .iter_mut()
            .filter(|device| own.is_some_and(|own| same(own, device)))
        {
            let mut now = device.clone();
            if let Some(settings) = node.preferences() {
                if let Some(up) = settings.shields_up() {
                    now = now.with_shields_up(up);
                }
                if let Some(on) = settings.accepts_routes() {
                    now = now.with_accepts_routes(on);
                }
                if let Some(on) = settings.ssh() {
                    now = now.with_ssh(on);
                }
            }
            *device = now;
        }
        let mut users = declared.users().to_vec();
        for user in node.status().roster().users() {
            if !users.iter().any(|known| known.login() == user.login()) {
                users.push(user.clone());
            }
        }
        Roster::new(devices, users).with_whole(!declared.devices().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tailnet::{Node, Preferences, Status};

    const INSTANCE: &str = "[tailnet]\npolicy = './net/policy.hujson'\n\
        [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.2']\ntags = ['tag:nas']\nshields_up = false\n\
        [people.ann]\nlogin = 'ann@example.org'\ntailnet_role = 'owner'\n";
    const POLICY: &str = r#"{"tagOwners": {"tag:nas": ["autogroup:owner"]},
        "acls": [{"action": "accept", "src": ["autogroup:owner"], "dst": ["tag:nas:443"]}]}"#;

    fn offline() -> Observed {
        Observed::none(jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_policy_is_over_what_is_declared_and_what_is_seen() {
        let lab = Lab::from_texts(
            "home",
            [("instance.toml", INSTANCE), ("net/policy.hujson", POLICY)],
        );
        let tailnet = lab.tailnet(&offline()).expect("a tailnet");
        assert!(
            tailnet.filters()["nas"].is_empty(),
            "the owner has no device that is known"
        );
        assert!(lab.tailnet_roster(&offline()).is_whole());

        let text = r#"{"BackendState": "Running", "Self": {"HostName": "other-name", "TailscaleIPs": ["100.64.0.2"]},
            "Peer": {"k": {"HostName": "phone", "TailscaleIPs": ["100.64.0.1"], "UserID": 1}}, "User": {"1": {"LoginName": "ann@example.org"}}}"#;
        let status = Status::parse(&Source::new("status.json", text)).expect("a status");
        let settings =
            Preferences::parse(&Source::new("prefs.json", r#"{"ShieldsUp": true}"#)).expect("settings");
        let seen = offline().with_tailnet(Node::new(status).with_preferences(settings));
        let tailnet = lab.tailnet(&seen).expect("a tailnet");
        assert_eq!(*tailnet.filters()["nas"][0].src_ips, ["100.64.0.1"]);
        let roster = lab.tailnet_roster(&seen);
        assert_eq!(
            (roster.devices().len(), roster.users().len()),
            (2, 1),
            "nobody twice"
        );
        assert!(roster.devices()[0].is_shields_up(), "what is seen wins");
        assert_eq!(
            roster.devices()[0].ssh(),
            None,
            "what was not said stays as it was"
        );
    }

    #[test]
    fn without_a_policy_it_says_where_to_write_one() {
        let tailnet =
            |files: &[(&str, &str)]| Lab::from_texts("home", files.iter().copied()).tailnet(&offline());
        let absent = tailnet(&[("instance.toml", INSTANCE)]).expect_err("no file");
        assert_eq!(absent.kind(), ErrorKind::NotFound);
        assert_eq!(absent.place().map(crate::Span::line), Some(2));
        let none = tailnet(&[("compose.yaml", "services: { a: { image: b } }")]).expect_err("none");
        assert_eq!(none.kind(), ErrorKind::NotFound);
        assert!(none.hint().is_some_and(|hint| hint.contains("[tailnet]")));
        assert!(tailnet(&[("policy.hujson", POLICY)]).is_ok(), "the only one");
        let several =
            tailnet(&[("a/policy.hujson", POLICY), ("b/policy.hujson", POLICY)]).expect_err("which?");
        assert_eq!(several.kind(), ErrorKind::Ambiguous);
        assert!(
            several
                .to_string()
                .contains("`a/policy.hujson`, `b/policy.hujson`")
        );
        let wrong = tailnet(&[("policy.hujson", "{\n\"acls\": 3}")]).expect_err("no policy");
        assert_eq!(wrong.place().map(crate::Span::line), Some(2));
    }
}
