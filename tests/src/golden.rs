//! Our answers about a tailnet against what the hosted service really answered: captures of policies that were posted to
//! it, and of what each device of a small tailnet then showed.
//!
//! Any folder of that shape does, `FOLDER/tailnet/*.jsonl`, of any size: one case in a line, with `policy`, `users`,
//! `nodes`, and what was seen in `captures`. Addresses are compared as sets, rules by what they join, SSH rules in order.

mod ranges;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use homelab_core::Source;
use homelab_core::tailnet::{Policy, Roster, Tailnet};
use homelab_core::view::FilterRuleView;
use serde_json::{Map, Value, json};

use self::ranges::Addresses;

/// How many things of a kind were compared, and which differ.
#[derive(Debug, Default)]
pub struct Kind {
    /// How many were compared.
    pub compared: usize,
    /// Of each that differs, where and how.
    pub different: Vec<String>,
}

/// The comparison of a whole folder.
#[derive(Debug, Default)]
pub struct Golden {
    /// Each kind of answer by its name.
    pub kinds: BTreeMap<&'static str, Kind>,
    /// Cases that were read.
    pub cases: usize,
    /// Cases whose capture says itself that it is not whole.
    pub unstable: usize,
    /// Devices whose recorded routes are older than what they show: the shown ones were taken.
    pub stale_routes: usize,
    settings: BTreeSet<String>,
}

impl Golden {
    /// Compares every case below a folder.
    ///
    /// # Errors
    /// When a file cannot be read, or is not of that shape.
    pub fn compare(folder: &Path) -> Result<Golden, String> {
        let mut cases = Vec::new();
        let folder = folder.join("tailnet");
        let entries =
            fs::read_dir(&folder).map_err(|error| format!("failed to read {}: {error}", folder.display()))?;
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files
            .iter()
            .filter(|file| file.extension().is_some_and(|end| end == "jsonl"))
        {
            let text = fs::read_to_string(file)
                .map_err(|error| format!("failed to read {}: {error}", file.display()))?;
            for (number, line) in text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty())
            {
                let case: Value = serde_json::from_str(line)
                    .map_err(|error| format!("failed to read {}:{}: {error}", file.display(), number + 1))?;
                cases.push(case);
            }
        }
        let mut golden = Golden {
            settings: settings(&cases),
            ..Golden::default()
        };
        for case in &cases {
            golden.cases += 1;
            golden.case(case)?;
        }
        Ok(golden)
    }

    fn case(&mut self, case: &Value) -> Result<(), String> {
        let id = case["id"].as_str().unwrap_or("?");
        if !case["capture_error"].is_null() {
            self.unstable += 1;
            return Ok(());
        }
        let refused = case["error"].as_bool().unwrap_or(false);
        let policy = Source::new(
            "policy.hujson",
            serde_json::to_string_pretty(&case["policy"]).unwrap_or_default(),
        );
        let roster = self.roster(case, !refused)?;

        let verdict = Tailnet::judge(&policy, roster.clone());
        let message = case["message"].as_str().unwrap_or_default();
        let kind = match message {
            "test(s) failed" => "test verdict",
            _ if refused => "refusal",
            _ if case["policy"]
                .get("tests")
                .or(case["policy"].get("sshTests"))
                .is_some() =>
            {
                "test verdict"
            }
            _ => "acceptance",
        };
        let ours = verdict.message.clone().unwrap_or_default();
        let same = verdict.accepted != refused && (!refused || ours == message);
        self.say(kind, same, || {
            let reasons: Vec<&str> = verdict
                .failures
                .iter()
                .map(|failure| failure.reason.as_str())
                .collect();
            format!("{id}: the service says `{message}`, we say `{ours}` {reasons:?}")
        });
        if refused {
            return Ok(());
        }
        let Ok(tailnet) = Policy::parse(&policy).and_then(|policy| Tailnet::new(policy, roster)) else {
            return Ok(());
        };
        self.captures(id, case, &tailnet);
        Ok(())
    }

    fn captures(&mut self, id: &str, case: &Value, tailnet: &Tailnet) {
        let (filters, ssh, peers) = (tailnet.filters(), tailnet.ssh(), tailnet.peers());
        let capabilities = tailnet.capabilities();
        for (node, capture) in case["captures"].as_object().into_iter().flatten() {
            let theirs: Vec<FilterRuleView> = capture
                .get("rules")
                .filter(|rules| !rules.is_null())
                .map_or_else(Vec::new, |rules| {
                    serde_json::from_value(rules.clone()).unwrap_or_default()
                });
            let (left, right) = (joined(&theirs), joined(&filters[node]));
            self.say("packet filter", left == right, || {
                let missing: Vec<_> = left.difference(&right).collect();
                let extra: Vec<_> = right.difference(&left).collect();
                format!("{id} {node}: we lack {missing:?}; we add {extra:?}")
            });

            let theirs = ssh_rules(capture.get("ssh").unwrap_or(&Value::Null));
            let ours = ssh_rules(&json!(ssh[node]));
            self.say("ssh policy", theirs == ours, || {
                format!("{id} {node}: theirs {theirs:?}, ours {ours:?}")
            });

            if let Some(theirs) = capture.get("capmap").and_then(Value::as_object) {
                let ours = &capabilities.capabilities[node];
                let lacking = theirs
                    .keys()
                    .filter(|key| !self.settings.contains(*key) && !ours.contains_key(*key));
                let lacking: Vec<&String> = lacking.collect();
                let extra: Vec<&String> = ours.keys().filter(|key| !theirs.contains_key(*key)).collect();
                self.say(
                    "node capabilities",
                    lacking.is_empty() && extra.is_empty(),
                    || format!("{id} {node}: we lack {lacking:?}; we add {extra:?}"),
                );
            }

            if let Some(theirs) = capture.get("peers").and_then(Value::as_object) {
                let theirs: BTreeSet<&str> = theirs.keys().map(String::as_str).collect();
                let ours: BTreeSet<&str> = peers[node].iter().map(|peer| &**peer).collect();
                self.say("peers", theirs == ours, || {
                    let missing: Vec<_> = theirs.difference(&ours).collect();
                    let extra: Vec<_> = ours.difference(&theirs).collect();
                    format!("{id} {node}: we lack {missing:?}; we add {extra:?}")
                });
            }

            if let Some(theirs) = capture.get("whois").and_then(Value::as_object) {
                let ours = &capabilities.whois[node];
                let addresses: BTreeSet<&str> =
                    theirs.keys().chain(ours.keys()).map(String::as_str).collect();
                for address in addresses {
                    let theirs = theirs.get(address).and_then(|who| who.get("capmap"));
                    let theirs = theirs
                        .cloned()
                        .filter(|map| !map.is_null())
                        .unwrap_or_else(|| json!({}));
                    let ours = ours.get(address).map_or_else(|| json!({}), |map| json!(map));
                    self.say("whois capabilities", plain(&theirs) == plain(&ours), || {
                        format!("{id} {node}: of {address} theirs {theirs}, ours {ours}")
                    });
                }
            }
        }
    }

    /// Makes the admin API's answers of a case, and reads them as anybody would.
    fn roster(&mut self, case: &Value, shown: bool) -> Result<Roster, String> {
        let users = case["users"].as_array().cloned().unwrap_or_default();
        let login = |name: &str| {
            let user = users.iter().find(|user| user["name"] == name);
            user.and_then(|user| user["email"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let mut devices = Vec::new();
        for (name, node) in case["nodes"].as_object().into_iter().flatten() {
            let advertised = texts(&node["routable_ips"]);
            let mut approved = texts(&node["approved_routes"]);
            let allowed = match shown {
                true => texts(&case["captures"][name]["allowed"]),
                false => Vec::new(),
            };
            let stale: Vec<String> = allowed
                .into_iter()
                .filter(|route| advertised.contains(route) && !approved.contains(route))
                .collect();
            self.stale_routes += usize::from(!stale.is_empty());
            approved.extend(stale);
            let addresses: Vec<&Value> = [&node["ipv4"], &node["ipv6"]]
                .into_iter()
                .filter(|one| one.is_string())
                .collect();
            devices.push(json!({
                "nodeId": name, "hostname": node["hostname"], "addresses": addresses, "tags": texts(&node["tags"]),
                "user": login(node["user"].as_str().unwrap_or_default()),
                "advertisedRoutes": advertised, "enabledRoutes": approved,
            }));
        }
        // The first is who made the tailnet; the others administer it with them.
        let people = users
            .iter()
            .filter(|user| user["email"].as_str().is_some_and(|email| !email.is_empty()));
        let people: Vec<Value> = people
            .enumerate()
            .map(|(at, user)| json!({"id": user["id"].to_string(), "loginName": user["email"], "role": if at == 0 { "owner" } else { "admin" }}))
            .collect();
        let read = |name: &str, value: Value| {
            Roster::parse(&Source::new(name, value.to_string())).map_err(|error| format!("failed to {error}"))
        };
        Ok(read("devices.json", json!({"devices": devices}))?
            .with(read("users.json", json!({"users": people}))?))
    }

    fn say(&mut self, kind: &'static str, same: bool, how: impl FnOnce() -> String) {
        let kind = self.kinds.entry(kind).or_default();
        kind.compared += 1;
        if !same {
            kind.different.push(how());
        }
    }

    /// Returns whether nothing differs, and something was compared.
    pub fn is_equal(&self) -> bool {
        self.cases > 0 && self.kinds.values().all(|kind| kind.different.is_empty())
    }
}

impl fmt::Display for Golden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases, {} of them not stable", self.cases, self.unstable)?;
        writeln!(f, ", {} devices with older routes recorded", self.stale_routes)?;
        for (name, kind) in &self.kinds {
            writeln!(
                f,
                "{name}: {} of {} equal",
                kind.compared - kind.different.len(),
                kind.compared
            )?;
            for one in kind.different.iter().take(3) {
                let short: String = one.chars().take(1200).collect();
                writeln!(f, "  {short}")?;
            }
        }
        Ok(())
    }
}

/// Returns the capabilities that devices have by the tailnet's settings: what they show under policies without
/// `nodeAttrs`.
fn settings(cases: &[Value]) -> BTreeSet<String> {
    let without = cases
        .iter()
        .filter(|case| case["policy"].get("nodeAttrs").is_none() && case["error"] == false);
    let captures = without.flat_map(|case| case["captures"].as_object().into_iter().flatten());
    captures
        .flat_map(|(_, capture)| capture["capmap"].as_object().into_iter().flatten())
        .map(|(name, _)| name.clone())
        .collect()
}

/// Returns a filter as what it joins: sources, protocols, destination; and sources, capability, value, destination.
fn joined(rules: &[FilterRuleView]) -> BTreeSet<String> {
    let mut to: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in rules {
        let sources = Addresses::of(rule.src_ips.iter());
        let mut protocols: Vec<u8> = rule.ip_proto.clone();
        protocols.sort_unstable();
        for one in &rule.dst_ports {
            let key = format!(
                "{sources} -{protocols:?}-> {}-{}",
                one.ports.first, one.ports.last
            );
            to.entry(key).or_default().push(one.ip.clone());
        }
        for grant in &rule.cap_grant {
            for (name, values) in &grant.cap_map {
                let values = plain(values);
                to.entry(format!("{sources} may {name} {values}"))
                    .or_default()
                    .extend(grant.dsts.clone());
            }
        }
    }
    to.into_iter()
        .map(|(key, ranges)| format!("{key} at {}", Addresses::of(ranges.iter())))
        .collect()
}

fn ssh_rules(rules: &Value) -> Vec<String> {
    let of = |rule: &Value| {
        let principals = rule["principals"].as_array().into_iter().flatten();
        let principals: BTreeSet<&str> = principals.filter_map(|one| one["nodeIP"].as_str()).collect();
        format!(
            "{principals:?} {} {} {}",
            rule["sshUsers"],
            plain(&rule["action"]),
            rule.get("acceptEnv").unwrap_or(&json!([]))
        )
    };
    rules.as_array().into_iter().flatten().map(of).collect()
}

/// Returns a value in which no name is missing that stands for nothing, and lists are in an order of their own.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(plain).collect();
            list.sort_by_key(ToString::to_string);
            Value::Array(list)
        }
        other => other.clone(),
    }
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| one.as_str().map(str::to_owned)).collect()
}
