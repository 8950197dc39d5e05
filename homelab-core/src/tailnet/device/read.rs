//! Reads the lists of devices and people that control servers and daemons answer with.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{Attribute, Device, Role, Roster, User};
use crate::error::{Error, ErrorKind, Result};
use crate::span::{Source, Span};

impl Roster {
    /// Reads a list of devices, of people, or of both. These answers are understood:
    /// - of Tailscale's API: `GET /api/v2/tailnet/-/devices?fields=all` and `GET /api/v2/tailnet/-/users`. Posture
    ///   attributes are those of `GET /api/v2/device/ID/attributes`, put into the device as `attributes`;
    /// - of Headscale's API: `GET /api/v1/node` and `GET /api/v1/user`. A person without an email has the login that
    ///   Headscale's policies write, `NAME@`;
    /// - of a device's own daemon: `GET /localapi/v0/status`, what `tailscale status --json` prints. It lists only
    ///   what that device may see, and of other devices no setting and no route that is not carried by them:
    ///   [`is_whole`](Roster::is_whole) is false.
    ///
    /// Fields may be absent or null, and unknown ones are left out.
    ///
    /// # Errors
    /// When it is none of these, or a value means nothing; the error names line and value.
    pub fn parse(source: &Source) -> Result<Roster> {
        let hint = "give the answer of Tailscale's `/api/v2/tailnet/-/devices?fields=all` or `/users`, of Headscale's \
                    `/api/v1/node` or `/api/v1/user`, or what `tailscale status --json` prints";
        let wrong = |what: &str| {
            Error::new(ErrorKind::Invalid, what)
                .with_place(Span::file(source))
                .with_hint(hint)
        };
        if source.text().trim_start().starts_with('[') {
            return Err(wrong(
                "read a list of devices: it is an array, not the answer that has it",
            ));
        }
        let answer: Answer = parse_json(source, "a list of devices")?;
        answer
            .roster()
            .ok_or_else(|| wrong("find devices or users in it"))
    }
}

/// Reads a JSON text; a refusal says what it should be, and the place and the reason.
pub(crate) fn parse_json<'a, T: Deserialize<'a>>(source: &'a Source, what: &str) -> Result<T> {
    serde_json::from_str(source.text()).map_err(|error| {
        let start = u32::try_from(error.line())
            .ok()
            .and_then(|line| source.line_start(line))
            .unwrap_or_default();
        // The reader stands behind what it refuses.
        let at = start + error.column().saturating_sub(1);
        let text = error.to_string();
        let reason = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(reason, _)| reason);
        Error::new(ErrorKind::Invalid, format!("read {what}: {reason}")).with_place(Span::new(source, at, at))
    })
}

/// Every answer that is understood: their names do not collide.
#[derive(Deserialize)]
struct Answer {
    devices: Option<Vec<AdminDevice>>,
    users: Option<Vec<ListedUser>>,
    nodes: Option<Vec<HeadscaleNode>>,
    #[serde(rename = "Self")]
    own: Option<StatusPeer>,
    #[serde(rename = "Peer")]
    peers: Option<BTreeMap<String, StatusPeer>>,
    #[serde(rename = "User")]
    profiles: Option<BTreeMap<String, Profile>>,
}

impl Answer {
    fn roster(self) -> Option<Roster> {
        let status = self.own.is_some() || self.peers.is_some();
        if !status && self.devices.is_none() && self.users.is_none() && self.nodes.is_none() {
            return None;
        }
        let mut devices: Vec<Device> = Vec::new();
        devices.extend(self.devices.into_iter().flatten().map(AdminDevice::device));
        devices.extend(self.nodes.into_iter().flatten().map(HeadscaleNode::device));
        let mut users: Vec<User> = self
            .users
            .into_iter()
            .flatten()
            .filter_map(ListedUser::user)
            .collect();
        let profiles = self.profiles.unwrap_or_default();
        let peers = self
            .own
            .into_iter()
            .chain(self.peers.unwrap_or_default().into_values());
        devices.extend(peers.map(|peer| peer.device(&profiles)));
        // Devices with tags have a profile too, which is nobody.
        let logins = profiles.into_values().filter_map(|profile| profile.login);
        users.extend(logins.filter(|login| login.contains('@')).map(User::new));
        Some(Roster::new(devices, users).with_whole(!status))
    }
}

/// A device as Tailscale's API lists it: `tailscale.com/client/tailscale` names the fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdminDevice {
    id: Option<Id>,
    node_id: Option<Id>,
    user: Option<String>,
    name: Option<String>,
    hostname: Option<String>,
    addresses: Option<Vec<Address>>,
    tags: Option<Vec<String>>,
    advertised_routes: Option<Vec<Route>>,
    enabled_routes: Option<Vec<Route>>,
    is_external: Option<bool>,
    blocks_incoming_connections: Option<bool>,
    ssh_enabled: Option<bool>,
    key_expiry_disabled: Option<bool>,
    expires: Option<Moment>,
    connected_to_control: Option<bool>,
    os: Option<String>,
    client_version: Option<String>,
    attributes: Option<BTreeMap<String, AttributeValue>>,
}

impl AdminDevice {
    fn device(self) -> Device {
        let name = self
            .hostname
            .or_else(|| first_label(self.name.as_deref()))
            .unwrap_or_default();
        let mut device = Device::new(name)
            .with_tags(self.tags.unwrap_or_default())
            .with_addresses(plain(self.addresses))
            .with_advertised(plain(self.advertised_routes))
            .with_approved(plain(self.enabled_routes))
            .with_external(self.is_external.unwrap_or(false))
            .with_shields_up(self.blocks_incoming_connections.unwrap_or(false));
        device.id = self.node_id.or(self.id).map(|id| id.0);
        device.user = said(self.user);
        device.ssh = self.ssh_enabled;
        device.online = self.connected_to_control;
        device.os = said(self.os);
        device.client_version = said(self.client_version);
        if self.key_expiry_disabled != Some(true) {
            device.key_expiry = self.expires.and_then(|at| at.0);
        }
        for (name, value) in self.attributes.unwrap_or_default() {
            device = device.with_attribute(name, value.into());
        }
        match said(self.name) {
            Some(name) => device.with_dns_name(name),
            None => device,
        }
    }
}

/// A person as Tailscale's API or Headscale's lists them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedUser {
    login_name: Option<String>,
    role: Option<String>,
    r#type: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

impl ListedUser {
    fn user(self) -> Option<User> {
        let login = said(self.login_name).or_else(|| headscale_login(self.email, self.name))?;
        let mut user = User::new(login).with_external(self.r#type.as_deref() == Some("shared"));
        user.role = self.role.as_deref().and_then(Role::from_word);
        Some(user)
    }
}

/// Returns the login as Headscale's policies write it: the email where there is one, else the name with `@` behind it.
fn headscale_login(email: Option<String>, name: Option<String>) -> Option<String> {
    said(email).or_else(|| {
        let name = said(name)?;
        Some(if name.contains('@') {
            name
        } else {
            format!("{name}@")
        })
    })
}

/// A device as Headscale's API lists it: `proto/headscale/v1/node.proto` names the fields. Until version 0.27 tags are
/// those that the admin gave (forced) and those of the device that the policy lets it have (valid).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadscaleNode {
    id: Option<Id>,
    name: Option<String>,
    given_name: Option<String>,
    user: Option<HeadscaleUser>,
    ip_addresses: Option<Vec<Address>>,
    tags: Option<Vec<String>>,
    forced_tags: Option<Vec<String>>,
    valid_tags: Option<Vec<String>>,
    available_routes: Option<Vec<Route>>,
    approved_routes: Option<Vec<Route>>,
    subnet_routes: Option<Vec<Route>>,
    expiry: Option<Moment>,
    online: Option<bool>,
}

#[derive(Deserialize)]
struct HeadscaleUser {
    name: Option<String>,
    email: Option<String>,
}

impl HeadscaleNode {
    fn device(self) -> Device {
        let mut tags: Vec<String> = Vec::new();
        for tag in [self.tags, self.forced_tags, self.valid_tags]
            .into_iter()
            .flatten()
            .flatten()
        {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let name = said(self.given_name).or(said(self.name)).unwrap_or_default();
        let mut device = Device::new(name)
            .with_tags(tags)
            .with_addresses(plain(self.ip_addresses))
            .with_advertised(plain(self.available_routes))
            .with_approved(plain(self.approved_routes));
        device.id = self.id.map(|id| id.0);
        device.user = self.user.and_then(|user| headscale_login(user.email, user.name));
        device.primary = self.subnet_routes.map(|routes| plain(Some(routes)));
        device.key_expiry = self.expiry.and_then(|at| at.0);
        device.online = self.online;
        device
    }
}

/// A device as a daemon's status lists it: `tailscale.com/ipn/ipnstate` names the fields.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatusPeer {
    #[serde(rename = "ID")]
    id: Option<Id>,
    host_name: Option<String>,
    #[serde(rename = "DNSName")]
    dns_name: Option<String>,
    #[serde(rename = "OS")]
    os: Option<String>,
    #[serde(rename = "UserID")]
    user_id: Option<Id>,
    #[serde(rename = "AltSharerUserID")]
    sharer: Option<Id>,
    #[serde(rename = "TailscaleIPs")]
    addresses: Option<Vec<Address>>,
    #[serde(rename = "AllowedIPs")]
    allowed: Option<Vec<Route>>,
    tags: Option<Vec<String>>,
    primary_routes: Option<Vec<Route>>,
    online: Option<bool>,
    exit_node_option: Option<bool>,
    key_expiry: Option<Moment>,
    expired: Option<bool>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(rename = "LoginName")]
    login: Option<String>,
}

impl StatusPeer {
    fn device(self, profiles: &BTreeMap<String, Profile>) -> Device {
        let addresses: Vec<IpAddr> = plain(self.addresses);
        // What a peer is allowed beside its own addresses are the routes that it carries for this device.
        let mut routes: Vec<IpNet> = plain(self.primary_routes);
        let primary = routes.clone();
        for route in plain::<_, IpNet>(self.allowed) {
            let own = route.prefix_len() == route.max_prefix_len() && addresses.contains(&route.addr());
            if !own && !routes.contains(&route) {
                routes.push(route);
            }
        }
        if self.exit_node_option == Some(true) {
            for exit in exit_routes() {
                if !routes.contains(&exit) {
                    routes.push(exit);
                }
            }
        }
        let tags = self.tags.unwrap_or_default();
        let login = self
            .user_id
            .as_ref()
            .and_then(|id| profiles.get(&id.0)?.login.clone());
        let mut device = Device::new(said(self.host_name).unwrap_or_default())
            .with_addresses(addresses)
            .with_advertised(routes.iter().copied())
            .with_approved(routes)
            .with_primary(primary)
            .with_external(self.sharer.is_some_and(|id| id.0 != "0"));
        device.id = self.id.map(|id| id.0);
        // A device with tags is shown under a profile of its own, which is no person.
        device.user = said(login).filter(|_| tags.is_empty());
        device.tags = tags;
        device.os = said(self.os);
        device.online = self.online;
        device.key_expiry = self.key_expiry.and_then(|at| at.0);
        if self.expired == Some(true) {
            device.key_expiry = Some(Timestamp::UNIX_EPOCH);
        }
        match said(self.dns_name) {
            Some(name) => device.with_dns_name(name),
            None => device,
        }
    }
}

/// A device as a daemon says who is behind an address: `tailscale.com/tailcfg` names the fields.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WhoIsNode {
    #[serde(rename = "StableID")]
    id: Option<Id>,
    name: Option<String>,
    addresses: Option<Vec<Route>>,
    #[serde(rename = "AllowedIPs")]
    allowed: Option<Vec<Route>>,
    tags: Option<Vec<String>>,
    primary_routes: Option<Vec<Route>>,
    online: Option<bool>,
    sharer: Option<Id>,
    key_expiry: Option<Moment>,
    hostinfo: Option<HostInfo>,
}

#[derive(Default, Deserialize)]
struct HostInfo {
    #[serde(rename = "Hostname")]
    name: Option<String>,
    #[serde(rename = "OS")]
    os: Option<String>,
}

impl WhoIsNode {
    pub(crate) fn device(self) -> Device {
        let addresses: Vec<IpNet> = plain(self.addresses);
        let mut routes: Vec<IpNet> = plain(self.allowed);
        routes.retain(|route| !addresses.contains(route));
        let host = self.hostinfo.unwrap_or_default();
        let name = said(host.name).or_else(|| first_label(self.name.as_deref()));
        let mut device = Device::new(name.unwrap_or_default())
            .with_addresses(addresses.iter().map(IpNet::addr))
            .with_tags(self.tags.unwrap_or_default())
            .with_advertised(routes.iter().copied())
            .with_approved(routes)
            .with_primary(plain::<_, IpNet>(self.primary_routes))
            .with_external(self.sharer.is_some_and(|id| id.0 != "0"));
        device.id = self.id.map(|id| id.0);
        device.online = self.online;
        device.os = said(host.os);
        device.key_expiry = self.key_expiry.and_then(|at| at.0);
        match said(self.name) {
            Some(name) => device.with_dns_name(name),
            None => device,
        }
    }
}

fn exit_routes() -> [IpNet; 2] {
    [
        IpNet::new_assert(IpAddr::from([0, 0, 0, 0]), 0),
        IpNet::new_assert(IpAddr::from([0u16; 8]), 0),
    ]
}

fn first_label(name: Option<&str>) -> Option<String> {
    name?.split('.').next().map(str::to_owned)
}

/// Returns a text, where it says something.
pub(crate) fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(crate) fn plain<T, U>(list: Option<Vec<T>>) -> Vec<U>
where
    T: Into<U>,
{
    list.unwrap_or_default().into_iter().map(Into::into).collect()
}

/// An id, which some answers write as a number and others as a text.
#[derive(Deserialize)]
#[serde(from = "IdValue")]
struct Id(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum IdValue {
    Text(String),
    Number(i64),
}

impl From<IdValue> for Id {
    fn from(value: IdValue) -> Self {
        match value {
            IdValue::Text(text) => Id(text),
            IdValue::Number(number) => Id(number.to_string()),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AttributeValue {
    Bool(bool),
    Number(f64),
    Text(String),
}

impl From<AttributeValue> for Attribute {
    fn from(value: AttributeValue) -> Self {
        match value {
            AttributeValue::Bool(flag) => Attribute::Bool(flag),
            AttributeValue::Number(number) => Attribute::Number(number),
            AttributeValue::Text(text) => Attribute::Text(text),
        }
    }
}

/// An address, whose refusal names the value.
struct Address(IpAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "an address").map(Address)
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        address.0
    }
}

/// A route, whose refusal names the value. Bits behind the prefix do not count.
pub(crate) struct Route(IpNet);

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, "a network").map(|route: IpNet| Route(route.trunc()))
    }
}

impl From<Route> for IpNet {
    fn from(route: Route) -> Self {
        route.0
    }
}

/// A moment; Go's zero time, and nothing at all, are none.
struct Moment(Option<Timestamp>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.starts_with("0001-01-01T") {
            return Ok(Moment(None));
        }
        match text.parse() {
            Ok(at) => Ok(Moment(Some(at))),
            Err(_) => Err(D::Error::custom(NotA("a time", &text))),
        }
    }
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D, what: &'static str) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(NotA(what, &text)))
}

struct NotA<'a>(&'static str, &'a str);

impl fmt::Display for NotA<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.1.chars().take(60).filter(|c| !c.is_control()).collect();
        write!(f, "`{shown}` is not {}", self.0)
    }
}

#[cfg(test)]
mod tests;
