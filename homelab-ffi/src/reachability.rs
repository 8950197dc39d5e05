//! The answers to questions about a tailnet, as plain data.
//!
//! The core's records share their names, as `Arc<str>`, and cannot cross so: here each is mirrored with texts of its own, and
//! the compiler refuses a shape that differs.

use std::sync::Arc;

use homelab_core::view;
use homelab_core::view::{EvidenceView, NearMissView, PlaceView, Reach, TailnetRuleView};

/// What becomes another type on its way out.
trait Crosses<T> {
    fn cross(self) -> T;
}

impl Crosses<String> for Arc<str> {
    fn cross(self) -> String {
        self.to_string()
    }
}

impl<A: Crosses<B>, B> Crosses<Vec<B>> for Vec<A> {
    fn cross(self) -> Vec<B> {
        self.into_iter().map(Crosses::cross).collect()
    }
}

impl<A: Crosses<B>, B> Crosses<Option<B>> for Option<A> {
    fn cross(self) -> Option<B> {
        self.map(Crosses::cross)
    }
}

macro_rules! as_they_are {
    ($($kind:ty),*) => {
        $(impl Crosses<$kind> for $kind {
            fn cross(self) -> $kind {
                self
            }
        })*
    };
}

as_they_are!(
    bool,
    u32,
    String,
    PlaceView,
    Reach,
    EvidenceView,
    NearMissView,
    TailnetRuleView
);

macro_rules! mirrored {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, uniffi::Record)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl Crosses<$name> for view::$name {
            fn cross(self) -> $name {
                let view::$name { $($field),* } = self;
                $name { $($field: $field.cross()),* }
            }
        }

        impl From<view::$name> for $name {
            fn from(view: view::$name) -> Self {
                view.cross()
            }
        }
    };
}

mirrored! {
    /// Who can reach a host's port, and how.
    pub struct WhoCanReachView {
        /// What was asked: `nas:443/tcp`.
        pub target: String,
        /// Its addresses.
        pub addresses: Vec<String>,
        /// The devices by which packets get there: its own, or those that carry a route to it.
        pub carriers: Vec<CarrierView>,
        /// The rules that let somebody in, in the order of the file.
        pub rules: Vec<TailnetRuleView>,
        /// People, by login.
        pub people: Vec<PersonReachView>,
        /// Devices that belong to tags, by name.
        pub tagged: Vec<DeviceReachView>,
        /// Addresses that rules name and no device has: hosts behind a router, mostly; and `autogroup:shared`, whose people no
        /// list has.
        pub ranges: Vec<RangeReachView>,
        /// The devices that may open this port to everybody by Funnel, where the policy lets them.
        pub funnel: Vec<String>,
        /// What holds for all of it.
        pub conditions: Vec<String>,
    }
}

mirrored! {
    /// A device by which packets get to a target.
    pub struct CarrierView {
        /// The device.
        pub device: String,
        /// `itself`, `subnet_router`, `exit_node`, or `service_host`.
        pub kind: String,
        /// Whether it is the one of several routers that carries the route now, where known.
        pub primary: Option<bool>,
        /// Why it does not carry, though the policy would let it: it refuses all connections, its key is expired.
        pub problem: Option<String>,
    }
}

mirrored! {
    /// A person who can reach a target.
    pub struct PersonReachView {
        /// Their login.
        pub login: String,
        /// Their devices that can; none where they have no device yet.
        pub devices: Vec<String>,
        /// By which rules.
        pub by: Vec<ByView>,
        /// What it depends on, for some of the devices.
        pub conditions: Vec<String>,
    }
}

mirrored! {
    /// A device of tags that can reach a target.
    pub struct DeviceReachView {
        /// The device.
        pub device: String,
        /// Its tags.
        pub tags: Vec<String>,
        /// By which rules.
        pub by: Vec<ByView>,
        /// What it depends on.
        pub conditions: Vec<String>,
    }
}

mirrored! {
    /// Addresses of no device that can reach a target.
    pub struct RangeReachView {
        /// An address, a prefix, `first-last`, `autogroup:shared`, or `*` for anybody.
        pub range: String,
        /// By which rules.
        pub by: Vec<ByView>,
    }
}

mirrored! {
    /// A rule by which somebody gets in, and as what.
    pub struct ByView {
        /// Which of the answer's rules.
        pub rule: u32,
        /// The entry of its `src` that means them: `group:family`.
        pub through: String,
    }
}

mirrored! {
    /// What somebody can reach.
    pub struct ReachableView {
        /// Who was asked about.
        pub from: String,
        /// The devices that this means.
        pub devices: Vec<String>,
        /// What they can reach, by device.
        pub reachable: Vec<ReachableDeviceView>,
    }
}

mirrored! {
    /// What somebody can reach on a device, or through it.
    pub struct ReachableDeviceView {
        /// The device.
        pub device: String,
        /// Where: its own addresses, or ranges behind it.
        pub destinations: Vec<String>,
        /// Protocols and ports: `tcp:443`, `*`.
        pub ports: Vec<String>,
        /// Why not after all, though the policy would let them.
        pub problem: Option<String>,
        /// On what it depends, and from which of the devices it is where not from all.
        pub conditions: Vec<String>,
    }
}

mirrored! {
    /// Who can reach a service of a lab by the tailnet, and how.
    pub struct ServiceReachView {
        /// The service: `immich/server`.
        pub service: String,
        /// The widest zone that is known to reach it: beyond the tailnet nobody is asked who they are.
        pub reach: Reach,
        /// Every way by which those of the tailnet come in.
        pub ways: Vec<ServiceWayView>,
    }
}

mirrored! {
    /// One way of a service, and who comes in by it.
    pub struct ServiceWayView {
        /// Which kind of way it is: `published_port`, `serve`, `tailnet_node`, ...
        pub kind: String,
        /// The way in words: `100.64.0.2:2283 -> 2283/tcp`.
        pub label: String,
        /// Who can reach each port on which it begins.
        pub answers: Vec<WhoCanReachView>,
        /// Why there is no answer.
        pub problem: Option<String>,
    }
}

mirrored! {
    /// The services of a lab that somebody can reach by the tailnet.
    pub struct ReachableServicesView {
        /// Who was asked about.
        pub from: String,
        /// The devices that this means.
        pub devices: Vec<String>,
        /// The services, in the order of the lab.
        pub services: Vec<ReachableServiceView>,
    }
}

mirrored! {
    /// A service that somebody can reach.
    pub struct ReachableServiceView {
        /// The service: `immich/server`.
        pub service: String,
        /// On which ports of which devices or addresses behind a router: `nas:2283/tcp`.
        pub targets: Vec<String>,
        /// On what it depends: that who asks accepts routes, or a posture that is not known.
        pub conditions: Vec<String>,
    }
}

mirrored! {
    /// Why somebody can, or cannot, reach a target.
    pub struct ExplanationView {
        /// Who.
        pub from: String,
        /// The devices that this means.
        pub devices: Vec<String>,
        /// What.
        pub to: String,
        /// Whether at least one of the devices can; absent where that depends on something that is not known.
        pub allowed: Option<bool>,
        /// The rules by which, and as what.
        pub rules: Vec<TailnetRuleView>,
        /// Which of them lets whom in, as what.
        pub by: Vec<ByView>,
        /// What it depends on.
        pub conditions: Vec<String>,
        /// What comes near, where it is not allowed; and what is good to know where it is.
        pub misses: Vec<NearMissView>,
    }
}

mirrored! {
    /// What a change of a policy takes and gives.
    pub struct PolicyDiffView {
        /// Access that there was not before.
        pub gained: Vec<AccessChangeView>,
        /// Access that there is no more.
        pub lost: Vec<AccessChangeView>,
        /// What was not compared, and why.
        pub notes: Vec<String>,
    }
}

mirrored! {
    /// The same change for everybody whom it is about.
    pub struct AccessChangeView {
        /// `network`; `ssh` for Tailscale SSH; `capability` for what an application is told; `attribute` for what `nodeAttrs`
        /// give, such as `funnel`; `tag` for who may give it to a device; `approval` for routes and services that need nobody's.
        pub kind: String,
        /// Groups that it is about as a whole.
        pub groups: Vec<String>,
        /// People, by login.
        pub people: Vec<String>,
        /// Tags all whose devices it is about.
        pub tags: Vec<String>,
        /// Other devices of tags, and single devices of people.
        pub devices: Vec<String>,
        /// Addresses of no device.
        pub ranges: Vec<String>,
        /// The devices that are reached, or through which something is.
        pub to: Vec<String>,
        /// Ranges behind them, where it is not the devices themselves.
        pub destinations: Vec<String>,
        /// Protocols and ports: `tcp:443`. Of another kind than `network` what is given: users of the machine, names of
        /// capabilities, attributes and tags, `route 10.0.0.0/8`, `exit node`.
        pub ports: Vec<String>,
        /// On what it depends.
        pub conditions: Vec<String>,
    }
}

mirrored! {
    /// Why somebody can, or cannot, reach a service of a lab.
    pub struct ServiceExplanationView {
        /// Who.
        pub from: String,
        /// The devices that this means.
        pub devices: Vec<String>,
        /// The service: `immich/server`.
        pub service: String,
        /// Whether they come in by one of the ways; absent where that depends on something that is not known.
        pub allowed: Option<bool>,
        /// As whom they come in, where they do.
        pub by: Option<Reach>,
        /// Every way that leads to the service, widest first.
        pub ways: Vec<WayExplanationView>,
    }
}

mirrored! {
    /// Whether somebody comes in by one way, and why.
    pub struct WayExplanationView {
        /// Which kind of way it is: `published_port`, `serve`, `proxy`, ...
        pub kind: String,
        /// The way in words.
        pub label: String,
        /// The widest zone that is known to come in by it.
        pub zone: Reach,
        /// Whether they come in by it; absent where that is not known.
        pub allowed: Option<bool>,
        /// Why, in a fragment.
        pub reason: String,
        /// What the tailnet's policy says, for each port on which the way begins.
        pub explanations: Vec<ExplanationView>,
        /// What shows the way itself.
        pub evidence: Vec<EvidenceView>,
    }
}
