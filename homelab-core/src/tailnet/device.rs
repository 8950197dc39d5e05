//! The devices and people of a tailnet, whoever lists them: [`Device`], [`User`], and both together, [`Roster`].
//!
//! ```
//! use homelab_core::Source;
//! use homelab_core::tailnet::Roster;
//!
//! let answer = r#"{"devices": [
//!     {"hostname": "nas", "addresses": ["100.64.0.2"], "user": "alice@example.com", "tags": ["tag:server"]}
//! ]}"#;
//! let roster = Roster::parse(&Source::new("devices.json", answer))?;
//! let nas = &roster.devices()[0];
//! assert_eq!(nas.name(), "nas");
//! assert_eq!(nas.user(), Some("alice@example.com"), "who registered it");
//! assert_eq!(nas.owner(), None, "a tagged device belongs to its tags, not to a person");
//! # Ok::<(), homelab_core::Error>(())
//! ```

pub(super) mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

/// A device of a tailnet: what decides whom the policy lets reach it, and whom it may reach.
///
/// Whatever is not known is absent. Its Debug says how much there is, not what: names, logins and addresses are private.
#[derive(Clone, Default, PartialEq)]
pub struct Device {
    id: Option<String>,
    name: String,
    dns_name: Option<String>,
    user: Option<String>,
    tags: Vec<String>,
    addresses: Vec<IpAddr>,
    advertised: Vec<IpNet>,
    approved: Vec<IpNet>,
    primary: Option<Vec<IpNet>>,
    external: bool,
    shields_up: bool,
    accepts_routes: Option<bool>,
    ssh: Option<bool>,
    key_expiry: Option<Timestamp>,
    online: Option<bool>,
    os: Option<String>,
    client_version: Option<String>,
    attributes: BTreeMap<String, Attribute>,
    services: Vec<String>,
}

impl Device {
    /// Returns a device of this host name of which nothing else is known.
    pub fn new(name: impl Into<String>) -> Self {
        Device {
            name: name.into(),
            ..Device::default()
        }
    }

    /// Returns the id that the control server has for it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns its host name, as it calls itself. Several devices may have the same one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its whole MagicDNS name, without a dot at the end: `nas.tail1234.ts.net`.
    pub fn dns_name(&self) -> Option<&str> {
        self.dns_name.as_deref()
    }

    /// Returns the login of who registered it. Whose device it is says [`owner`](Device::owner).
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns the login of whose device it is: nobody's, once it has a tag.
    pub fn owner(&self) -> Option<&str> {
        self.user().filter(|_| self.tags.is_empty())
    }

    /// Returns its tags: `tag:server`.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Returns its addresses in the tailnet, mostly one of each family.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Returns the routes that it offers, those of an exit node included.
    pub fn advertised(&self) -> &[IpNet] {
        &self.advertised
    }

    /// Returns the routes that the tailnet's admins let it have. Only those it also offers have an effect.
    pub fn approved(&self) -> &[IpNet] {
        &self.approved
    }

    /// Returns the routes that it carries now; of several devices with the same route only one does. None means that
    /// nobody has said.
    pub fn primary(&self) -> Option<&[IpNet]> {
        self.primary.as_deref()
    }

    /// Returns whether it belongs to another tailnet and was shared into this one.
    pub fn is_external(&self) -> bool {
        self.external
    }

    /// Returns whether it refuses all new connections, whatever the policy says; false where nobody has said.
    pub fn is_shields_up(&self) -> bool {
        self.shields_up
    }

    /// Returns whether it uses the routes that others offer, where known.
    pub fn accepts_routes(&self) -> Option<bool> {
        self.accepts_routes
    }

    /// Returns whether its Tailscale SSH server is on, where known.
    pub fn ssh(&self) -> Option<bool> {
        self.ssh
    }

    /// Returns when its key expires; None where it never does, or nobody has said. The epoch is an expired one of which
    /// nobody has said when.
    pub fn key_expiry(&self) -> Option<Timestamp> {
        self.key_expiry
    }

    /// Returns whether it was connected when this was asked, where known.
    pub fn is_online(&self) -> Option<bool> {
        self.online
    }

    /// Returns its operating system, as it calls it itself: `linux`.
    pub fn os(&self) -> Option<&str> {
        self.os.as_deref()
    }

    /// Returns the version of its client.
    pub fn client_version(&self) -> Option<&str> {
        self.client_version.as_deref()
    }

    /// Returns its posture attributes, by name: `custom:managed`.
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.attributes
    }

    /// Returns a posture attribute: what was given, else what follows from the device's operating system and version.
    pub fn attribute(&self, name: &str) -> Option<Attribute> {
        if let Some(given) = self.attributes.get(name) {
            return Some(given.clone());
        }
        let text = match name {
            "node:os" => self.os()?.to_lowercase(),
            // `1.102.3-tabc` is a build of 1.102.3.
            "node:tsVersion" => self.client_version()?.split('-').next()?.to_owned(),
            _ => return None,
        };
        Some(Attribute::Text(text))
    }

    /// Returns the Tailscale Services that it hosts: `svc:photos`.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// Sets the id that the control server has for it.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets its whole MagicDNS name; a dot at the end is left out.
    #[must_use]
    pub fn with_dns_name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.dns_name = Some(name.trim_end_matches('.').to_owned());
        self
    }

    /// Sets the login of who registered it.
    #[must_use]
    pub fn with_user(mut self, login: impl Into<String>) -> Self {
        self.user = Some(login.into());
        self
    }

    /// Sets its tags.
    #[must_use]
    pub fn with_tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Sets its addresses in the tailnet.
    #[must_use]
    pub fn with_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses = addresses.into_iter().collect();
        self
    }

    /// Sets the routes that it offers.
    #[must_use]
    pub fn with_advertised(mut self, routes: impl IntoIterator<Item = IpNet>) -> Self {
        self.advertised = routes.into_iter().collect();
        self
    }

    /// Sets the routes that the tailnet's admins let it have.
    #[must_use]
    pub fn with_approved(mut self, routes: impl IntoIterator<Item = IpNet>) -> Self {
        self.approved = routes.into_iter().collect();
        self
    }

    /// Sets the routes that it carries now.
    #[must_use]
    pub fn with_primary(mut self, routes: impl IntoIterator<Item = IpNet>) -> Self {
        self.primary = Some(routes.into_iter().collect());
        self
    }

    /// Sets whether it belongs to another tailnet and was shared into this one.
    #[must_use]
    pub fn with_external(mut self, external: bool) -> Self {
        self.external = external;
        self
    }

    /// Sets whether it refuses all new connections.
    #[must_use]
    pub fn with_shields_up(mut self, shields_up: bool) -> Self {
        self.shields_up = shields_up;
        self
    }

    /// Sets whether it uses the routes that others offer.
    #[must_use]
    pub fn with_accepts_routes(mut self, accepts: bool) -> Self {
        self.accepts_routes = Some(accepts);
        self
    }

    /// Sets whether its Tailscale SSH server is on.
    #[must_use]
    pub fn with_ssh(mut self, on: bool) -> Self {
        self.ssh = Some(on);
        self
    }

    /// Sets when its key expires.
    #[must_use]
    pub fn with_key_expiry(mut self, at: Timestamp) -> Self {
        self.key_expiry = Some(at);
        self
    }

    /// Sets whether it is connected.
    #[must_use]
    pub fn with_online(mut self, online: bool) -> Self {
        self.online = Some(online);
        self
    }

    /// Sets its operating system.
    #[must_use]
    pub fn with_os(mut self, os: impl Into<String>) -> Self {
        self.os = Some(os.into());
        self
    }

    /// Sets the version of its client.
    #[must_use]
    pub fn with_client_version(mut self, version: impl Into<String>) -> Self {
        self.client_version = Some(version.into());
        self
    }

    /// Adds a posture attribute, or replaces the one of that name.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: Attribute) -> Self {
        self.attributes.insert(name.into(), value);
        self
    }

    /// Sets the Tailscale Services that it hosts.
    #[must_use]
    pub fn with_services(mut self, services: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.services = services.into_iter().map(Into::into).collect();
        self
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("addresses", &self.addresses.len())
            .field("tags", &self.tags.len())
            .field("advertised", &self.advertised.len())
            .field("approved", &self.approved.len())
            .finish_non_exhaustive()
    }
}

/// The value of a posture attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A text: `macos`, `1.102.3`.
    Text(String),
    /// A number.
    Number(f64),
    /// Yes or no.
    Bool(bool),
}

/// What a person may administer in a tailnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The one owner; also an admin.
    Owner,
    /// Everything but the ownership.
    Admin,
    /// Devices and people.
    ItAdmin,
    /// The policy and the network.
    NetworkAdmin,
    /// What is paid.
    BillingAdmin,
    /// Looks at everything, changes nothing.
    Auditor,
    /// Nothing.
    Member,
}

impl Role {
    /// Every role that there is.
    pub const ALL: [Role; 7] = [
        Role::Owner,
        Role::Admin,
        Role::ItAdmin,
        Role::NetworkAdmin,
        Role::BillingAdmin,
        Role::Auditor,
        Role::Member,
    ];

    /// Returns the role's word, as policies and the admin API spell it: `it-admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::ItAdmin => "it-admin",
            Role::NetworkAdmin => "network-admin",
            Role::BillingAdmin => "billing-admin",
            Role::Auditor => "auditor",
            Role::Member => "member",
        }
    }

    /// Returns the role of a word, if it is one.
    pub fn from_word(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// A person of a tailnet.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    login: String,
    role: Option<Role>,
    external: bool,
}

impl User {
    /// Returns a person with this login, of whom nothing else is known.
    pub fn new(login: impl Into<String>) -> Self {
        User {
            login: login.into(),
            role: None,
            external: false,
        }
    }

    /// Returns the login, as policies write it.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// Returns the role, where known.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Returns whether they belong to another tailnet, and a device of this one was shared with them.
    pub fn is_external(&self) -> bool {
        self.external
    }

    /// Sets the role.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// Sets whether they belong to another tailnet.
    #[must_use]
    pub fn with_external(mut self, external: bool) -> Self {
        self.external = external;
        self
    }
}

/// Shows the role only: who it is is private.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// The devices and people of a tailnet, as one place lists them.
///
/// Only a control server lists all. A device's own daemon lists what that device may see: such a list [is not
/// whole](Roster::is_whole), and that somebody is not in it says nothing.
#[derive(Clone, PartialEq)]
pub struct Roster {
    devices: Vec<Device>,
    users: Vec<User>,
    whole: bool,
}

impl Roster {
    /// Returns the roster of these devices and people, which are all that there are.
    pub fn new(devices: impl IntoIterator<Item = Device>, users: impl IntoIterator<Item = User>) -> Self {
        Roster {
            devices: devices.into_iter().collect(),
            users: users.into_iter().collect(),
            whole: true,
        }
    }

    /// Returns the devices, in the order of the list.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Returns the people, in the order of the list. Some lists have devices only.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Returns whether all devices are in it; false where only those are that one device may see.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Sets whether all devices are in it.
    #[must_use]
    pub fn with_whole(mut self, whole: bool) -> Self {
        self.whole = whole;
        self
    }

    /// Adds what another list has: the people of a list of devices, mostly.
    #[must_use]
    pub fn with(mut self, other: Roster) -> Self {
        // A list of people says nothing about devices.
        if !other.devices.is_empty() {
            self.whole = other.whole && (self.whole || self.devices.is_empty());
        }
        self.devices.extend(other.devices);
        self.users.extend(other.users);
        self
    }
}

/// Shows how many there are, not who.
impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roster")
            .field("devices", &self.devices.len())
            .field("users", &self.users.len())
            .field("whole", &self.whole)
            .finish()
    }
}
