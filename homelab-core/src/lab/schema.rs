//! The shapes of lab.toml and instance.toml as JSON Schema, which editors complete and check by.
//!
//! These types are only described, never filled: reading with them would lose a whole file for one bad value. A test
//! holds the reader to them, key by key.

// Fields are what the schema is made of; nobody reads them.
#![expect(dead_code, reason = "the types are only described")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};

use crate::system::System;

/// Returns the schema of lab.toml.
pub fn pattern_schema() -> Schema {
    schema_for!(PatternFile)
}

/// Returns the schema of instance.toml.
pub fn instance_schema() -> Schema {
    schema_for!(InstanceFile)
}

/// lab.toml: the part of a lab that can be shared.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "lab.toml")]
struct PatternFile {
    /// For whom the lab is, from few to many.
    audience: Option<AudienceWord>,
    /// Who may reach what.
    policy: Option<PolicyTable>,
    /// How careful one is with each project.
    tiers: Option<TiersTable>,
    /// Data worth a verdict, by name.
    datasets: Option<BTreeMap<String, DatasetTable>>,
    /// How it is copied, checked, drilled and pruned, and when.
    backups: Option<BackupsTable>,
    /// Reaches wider than the policy, each with reason, owner, end and mitigation.
    exceptions: Option<Vec<ExceptionTable>>,
    /// The variables that each lab gives values to, in the `.env` beside each Compose file.
    slots: Option<BTreeMap<String, SlotTable>>,
    /// Applications that are not recognised by themselves.
    #[schemars(with = "Option<BTreeMap<String, CatalogRecord>>")]
    systems: Option<BTreeMap<String, System>>,
    /// Rules and sets of rules turned on or off, by id: `"rule.id" = false`.
    rules: Option<BTreeMap<String, Switch>>,
    /// The stratum, from 1 to 5, of files that match a glob; the last that matches counts.
    strata: Option<BTreeMap<String, StratumNumber>>,
}

/// A record of the catalog, whose shape stands in its own schema beside this one: so each has one place to change.
struct CatalogRecord;

impl JsonSchema for CatalogRecord {
    fn schema_name() -> Cow<'static, str> {
        "CatalogRecord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "$ref": "system.schema.json#/$defs/System" })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum AudienceWord {
    /// One person.
    Solo,
    /// A household.
    Family,
    /// People of several households who know each other.
    Friends,
    /// People who work together.
    Team,
    /// Anybody.
    Public,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum ReachWord {
    /// Nobody.
    None,
    /// This machine only.
    Host,
    /// Devices of the tailnet.
    Tailnet,
    /// Devices of the local network.
    Lan,
    /// Anybody.
    Internet,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PolicyTable {
    /// The widest reach that a service may have. Without it: anything but the internet.
    reach: Option<ReachWord>,
    /// The widest reach of single services, `"PROJECT/SERVICE"`, or projects, `"PROJECT"`.
    services: Option<BTreeMap<String, ReachWord>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct TiersTable {
    /// Projects that others rely on: their data is kept, they are updated by hand.
    production: Option<Vec<String>>,
    /// Projects that may break and be made anew.
    sandbox: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum ClassWord {
    /// It exists nowhere else and cannot be made again.
    Irreplaceable,
    /// It could be made again, with much work.
    Important,
    /// It can be downloaded or computed again.
    Reproducible,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DatasetTable {
    /// What losing it would mean.
    class: Option<ClassWord>,
    /// Its named volumes: `PROJECT/VOLUME`.
    volumes: Option<Vec<String>>,
    /// Its paths, with slots: `${PHOTOS}`.
    paths: Option<Vec<String>>,
    /// The services whose data belongs to it: `PROJECT/SERVICE` or `PROJECT`.
    services: Option<Vec<String>>,
    /// How old the newest copy may be: `36h`, `7d`. Without it, as its class says.
    recovery_point: Option<String>,
    /// Which of its snapshots stay: `daily=7 weekly=5 monthly=12 yearly=10`, `last=3`, `within=14d`.
    keep: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct BackupsTable {
    /// Which snapshots stay, where neither the dataset nor the repository says it:
    /// `daily=7 weekly=5 monthly=12 yearly=10`, `last=3`, `within=14d`.
    keep: Option<String>,
    /// When all that needs copies is copied: `hourly 15`, `daily 03:30`, `weekly sunday 05:00`, `monthly 1 06:00`.
    run: Option<String>,
    /// When each repository is checked, as `run` is written.
    check: Option<String>,
    /// In how many parts the data of a repository is checked, the next one each time; without it only its structure is.
    #[schemars(range(min = 1, max = 1000))]
    check_parts: Option<u32>,
    /// When each dataset is restored for proof, as `run` is written.
    drill: Option<String>,
    /// When what is not kept is forgotten and its data taken out, as `run` is written.
    prune: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum MitigationWord {
    /// Whoever comes in must say who they are.
    Auth,
    /// Many requests from one place are slowed or refused.
    RateLimit,
    /// Requests that look like attacks are refused.
    Waf,
    /// Only listed addresses come in.
    AllowList,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ExceptionTable {
    /// Which service: `PROJECT/SERVICE` or `PROJECT`.
    service: String,
    /// The reach that is allowed.
    reach: ReachWord,
    /// Why.
    reason: String,
    /// The role that answers for it.
    owner: String,
    /// The last day on which it counts, `2027-06-30`, as a date or in quotes.
    expires: String,
    /// What softens the risk.
    #[schemars(length(min = 1))]
    mitigations: Vec<MitigationWord>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SlotTable {
    /// What it is for.
    description: Option<String>,
    /// Whether its value must never be shown.
    secret: Option<bool>,
    /// What a lab has that says nothing.
    default: Option<String>,
}

/// `true`, `false`, or a table of them: `rule.id = false` without quotes is one.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Switch {
    One(bool),
    Several(BTreeMap<String, bool>),
}

#[derive(JsonSchema)]
#[schemars(transparent)]
struct StratumNumber(#[schemars(range(min = 1, max = 5))] u8);

/// instance.toml: the part of a lab that is private.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "instance.toml")]
struct InstanceFile {
    /// The lab's random id, by which its state is kept.
    #[schemars(regex(pattern = "^[A-Za-z0-9-]{8,64}$"))]
    id: Option<String>,
    /// The machines, by name.
    hosts: Option<BTreeMap<String, HostTable>>,
    /// The private network over everything.
    tailnet: Option<TailnetTable>,
    /// The people, by name.
    people: Option<BTreeMap<String, PersonTable>>,
    /// What is said of single projects.
    projects: Option<BTreeMap<String, ProjectTable>>,
    /// Where copies are kept.
    repositories: Option<BTreeMap<String, RepositoryTable>>,
    /// Who should reach what, which every audit looks at.
    access: Option<AccessTable>,
    /// What else identifies the lab, by any name: a street, the number of a disk. No shareable file may hold it.
    private: Option<BTreeMap<String, PrivateText>>,
}

#[derive(JsonSchema)]
#[schemars(transparent)]
struct PrivateText(#[schemars(length(min = 3))] String);

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct AccessTable {
    /// What people should and should not see in their portal.
    tests: Option<Vec<AccessTestTable>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct AccessTestTable {
    /// A person by the name of this file or by login; a device of the tailnet; or a group or tag, for each of whose people
    /// or devices it is to hold.
    who: String,
    /// Services, `PROJECT/SERVICE`, or projects, of which they see at least one service.
    sees: Option<Vec<String>>,
    /// Services or projects of which they see nothing.
    not: Option<Vec<String>>,
    /// Whether it is about them away from home: whoever is on the local network is then left out of account.
    away: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum HostKindWord {
    Linux,
    TrueNas,
    Unraid,
    Synology,
    Proxmox,
    Vps,
    MacOs,
    Windows,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct HostTable {
    /// What kind of machine it is.
    kind: Option<HostKindWord>,
    /// Where it stands: `home`.
    site: Option<String>,
    /// Its addresses in the local network and the tailnet.
    addresses: Option<Vec<String>>,
    /// Its network interfaces: addresses, with their networks, and who is on the other side.
    interfaces: Option<BTreeMap<String, InterfaceValue>>,
    /// Its physical disks and pools, each with the paths that lie on it: `tank = ["/mnt/tank"]`.
    media: Option<BTreeMap<String, Vec<String>>>,
    /// The addresses by which the internet reaches it; an empty list says that it has none.
    public_addresses: Option<Vec<String>>,
    /// What routers forward to it; an empty list says that there is nothing.
    forwards: Option<Vec<ForwardTable>>,
    /// How its container engine is reached. Without it this machine's own is asked, on this machine.
    engine: Option<EngineValue>,
}

/// An address as in `DOCKER_HOST`, `context:NAME` or `none`; or a table with the certificates too.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum EngineValue {
    Address(String),
    Table(EngineTable),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct EngineTable {
    /// The address: `tcp://nas:2376`.
    address: String,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, relative to the lab's.
    certificates: Option<String>,
}

/// A list of addresses, or a table with the zone too.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum InterfaceValue {
    Addresses(Vec<String>),
    Table(InterfaceTable),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct InterfaceTable {
    /// Its addresses with their networks: `192.0.2.10/24`.
    addresses: Option<Vec<String>>,
    /// Who is on the other side.
    zone: Option<ReachWord>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum ProtocolWord {
    Tcp,
    Udp,
    Both,
}

/// A port, or a range of them in quotes: `"8000-8010"`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum PortValue {
    One(#[schemars(range(min = 1))] u16),
    Range(String),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ForwardTable {
    /// The port on the router's public address.
    port: PortValue,
    /// The port of the machine; the same one where it is absent.
    #[schemars(range(min = 1))]
    target: Option<u16>,
    /// TCP where it is absent.
    protocol: Option<ProtocolWord>,
    /// Why it is there.
    reason: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct TailnetTable {
    /// Its name.
    name: Option<String>,
    /// The end of its MagicDNS names: `tail1234.ts.net`.
    suffix: Option<String>,
    /// Its prefixes, where they are not those that every tailnet has.
    prefixes: Option<Vec<String>>,
    /// The policy file, relative to the lab's folder.
    policy: Option<String>,
    /// Its devices, for questions that are asked without its control server.
    devices: Option<Vec<DeviceTable>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DeviceTable {
    /// The host name, as the device calls itself.
    name: String,
    /// The login of who registered it. A device with tags belongs to nobody.
    user: Option<String>,
    /// The tags: `tag:server`.
    tags: Option<Vec<String>>,
    /// The addresses in the tailnet.
    addresses: Option<Vec<String>>,
    /// The routes that it offers; those of an exit node are `0.0.0.0/0` and `::/0`.
    advertised: Option<Vec<String>>,
    /// Those of them that are approved; all where it is absent.
    approved: Option<Vec<String>>,
    /// Whether it belongs to another tailnet and was shared into this one.
    external: Option<bool>,
    /// Whether it refuses all new connections.
    shields_up: Option<bool>,
    /// Whether it uses the routes that others offer.
    accepts_routes: Option<bool>,
    /// Whether its Tailscale SSH server is on.
    ssh: Option<bool>,
    /// The operating system: `linux`.
    os: Option<String>,
    /// The version of its client.
    client_version: Option<String>,
    /// The Tailscale Services that it hosts: `svc:photos`.
    services: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum TailnetRoleWord {
    Owner,
    Admin,
    ItAdmin,
    NetworkAdmin,
    BillingAdmin,
    Auditor,
    Member,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PersonTable {
    /// The login in the tailnet.
    login: Option<String>,
    /// The roles, as lab.toml names them.
    roles: Option<Vec<String>>,
    /// What they may administer in the tailnet.
    tailnet_role: Option<TailnetRoleWord>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ProjectTable {
    /// The machines that run it.
    hosts: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum RepositoryKindWord {
    Restic,
    Borg,
    Duplicati,
    Zfs,
    Btrfs,
    Rclone,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct RepositoryTable {
    /// Which program's format it has.
    kind: Option<RepositoryKindWord>,
    /// Where it is, as its program writes it.
    location: Option<String>,
    /// Where its password is kept: `env:NAME`, `file:PATH` or `command:PROGRAM ARGUMENT ...`.
    #[schemars(regex(pattern = "^(env|file|command):"))]
    password: Option<String>,
    /// The machine that holds it, where it is one of the lab's.
    host: Option<String>,
    /// The physical disk or pool that it lies on.
    medium: Option<String>,
    /// The place that it is at.
    site: Option<String>,
    /// The account that pays for it.
    account: Option<String>,
    /// The places where its key is kept: names of hosts, sites and accounts, and others in your own words.
    key_kept: Option<Vec<String>>,
    /// Whether those who write to it cannot delete from it: append-only, or an object lock.
    append_only: Option<bool>,
    /// Which snapshots stay in it, where the dataset does not say: `daily=7 weekly=5 monthly=12 yearly=10`, `last=3`.
    keep: Option<String>,
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::is_valid;
