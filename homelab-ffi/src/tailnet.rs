//! The private network over everything: who may reach what by its policy.

use std::collections::HashMap;
use std::sync::Arc;

use homelab_core::Source;
use homelab_core::tailnet;
use homelab_core::view::PolicyCheckView;

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::observed::moment;
use crate::reachability::{ExplanationView, PolicyDiffView, ReachableView, WhoCanReachView};
use crate::runtime::run_blocking;

/// A tailnet's policy in force over its devices and people: what each device enforces, sees and may do. What no rule
/// allows is denied.
#[derive(Debug, uniffi::Object)]
pub struct Tailnet(pub(crate) tailnet::Tailnet);

impl Tailnet {
    /// Asks it on a thread of the library.
    async fn ask<T: Send + 'static>(
        &self,
        what: &str,
        cancel: Option<Arc<CancelToken>>,
        ask: impl FnOnce(&tailnet::Tailnet) -> T + Send + 'static,
    ) -> Result<T, HomelabError> {
        let tailnet = self.0.clone();
        run_blocking(what, cancel, move || ask(&tailnet)).await
    }
}

fn parsed(text: String) -> Result<tailnet::Policy, HomelabError> {
    Ok(tailnet::Policy::parse(&Source::new("policy.hujson", text))?)
}

#[uniffi::export]
impl Tailnet {
    /// Puts the policy of a file in force over the devices, and people, of others: the answers of Tailscale's or
    /// Headscale's API, or what `tailscale status --json` prints. Without a list of people nobody has a role.
    #[uniffi::constructor(default(users = None, cancel = None))]
    pub async fn load(
        policy: String,
        devices: String,
        users: Option<String>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, HomelabError> {
        let load = move || {
            let users = users.as_deref().map(std::path::Path::new);
            tailnet::Tailnet::load(policy, devices, users)
        };
        let tailnet = run_blocking("load the tailnet", cancel, load).await??;
        Ok(Arc::new(Tailnet(tailnet)))
    }

    /// Puts the policy of a text in force over the devices, and people, of others.
    #[uniffi::constructor(default(users = None, cancel = None))]
    pub async fn from_texts(
        policy: String,
        devices: String,
        users: Option<String>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, HomelabError> {
        let read = move || tailnet::Tailnet::from_texts(&policy, &devices, users.as_deref());
        let tailnet = run_blocking("read the tailnet", cancel, read).await??;
        Ok(Arc::new(Tailnet(tailnet)))
    }

    /// Returns the same, of a tailnet that gives its devices certificates, without which Funnel stays shut.
    pub fn with_https(&self, on: bool) -> Tailnet {
        Tailnet(self.0.clone().with_https(on))
    }

    /// Returns the same at a moment, such as `2027-01-31T12:00:00Z`: a device whose key is expired then reaches nothing
    /// and lets nobody in.
    pub fn at(&self, at: &str) -> Result<Tailnet, HomelabError> {
        Ok(Tailnet(self.0.clone().at(moment(at)?)))
    }

    /// Says who can reach a target, by which rules and as what: `nas:443`, `192.168.1.7:53/udp`, `nas/icmp`.
    pub fn who_can_reach(&self, target: &str) -> Result<WhoCanReachView, HomelabError> {
        Ok(self.0.who_can_reach(&target.parse()?)?.into())
    }

    /// Says what somebody can reach: a person by login, a group, a tag, a device by name or address.
    #[uniffi::method(default(cancel = None))]
    pub async fn reachable_from(
        &self,
        who: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<ReachableView, HomelabError> {
        self.ask("say what they can reach", cancel, move |net| {
            Ok(net.reachable_from(&who)?.into())
        })
        .await?
    }

    /// Says why somebody can reach a target, or why not, and what comes near.
    pub fn explain(&self, from: &str, to: &str) -> Result<ExplanationView, HomelabError> {
        Ok(self.0.explain(from, &to.parse()?)?.into())
    }

    /// Says who would gain and who would lose what, if the policy of a text were in force instead, over the same devices.
    #[uniffi::method(default(cancel = None))]
    pub async fn diff(
        &self,
        newer: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<PolicyDiffView, HomelabError> {
        self.ask("compare the policies", cancel, move |net| {
            Ok(net.diff(parsed(newer)?)?.into())
        })
        .await?
    }

    /// Returns the answer of `who_can_reach` as people read it.
    pub fn who_can_reach_text(&self, target: &str) -> Result<String, HomelabError> {
        Ok(self.0.who_can_reach(&target.parse()?)?.to_string())
    }

    /// Returns the answer of `reachable_from` as people read it.
    #[uniffi::method(default(cancel = None))]
    pub async fn reachable_from_text(
        &self,
        who: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.ask("say what they can reach", cancel, move |net| {
            Ok(net.reachable_from(&who)?.to_string())
        })
        .await?
    }

    /// Returns the answer of `explain` as people read it.
    pub fn explain_text(&self, from: &str, to: &str) -> Result<String, HomelabError> {
        Ok(self.0.explain(from, &to.parse()?)?.to_string())
    }

    /// Returns the answer of `diff` as people read it.
    #[uniffi::method(default(cancel = None))]
    pub async fn diff_text(
        &self,
        newer: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.ask("compare the policies", cancel, move |net| {
            Ok(net.diff(parsed(newer)?)?.to_string())
        })
        .await?
    }

    /// Says whether the service would accept the policy: whether its own tests pass.
    #[uniffi::method(default(cancel = None))]
    pub async fn check(&self, cancel: Option<Arc<CancelToken>>) -> Result<PolicyCheckView, HomelabError> {
        self.ask("check the policy", cancel, move |net| net.check()).await
    }

    /// Returns which devices each device sees, by its host name. To be seen is not to be reached.
    #[uniffi::method(default(cancel = None))]
    pub async fn peers(
        &self,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<HashMap<String, Vec<String>>, HomelabError> {
        let all = |net: &tailnet::Tailnet| {
            let peers = net.peers().into_iter();
            peers
                .map(|(name, peers)| (name, peers.iter().map(ToString::to_string).collect()))
                .collect()
        };
        self.ask("say who sees whom", cancel, all).await
    }

    /// Returns an answer as JSON in the service's own field names: `filter` (the packet filter that each device enforces),
    /// `ssh` (its SSH rules), `caps` (what it may do) or `peers` (which devices it sees).
    #[uniffi::method(default(cancel = None))]
    pub async fn to_json(
        &self,
        question: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.ask("answer about the tailnet", cancel, move |net| {
            Ok(net.to_json(&question)?)
        })
        .await?
    }
}

/// Says whether the service would accept a policy for these devices and people, its own tests run. Fails only when a list
/// is none: what is wrong with the policy is in the answer.
#[uniffi::export(default(users = None, cancel = None))]
pub async fn judge_policy(
    policy: String,
    devices: String,
    users: Option<String>,
    cancel: Option<Arc<CancelToken>>,
) -> Result<PolicyCheckView, HomelabError> {
    let judge = move || tailnet::Tailnet::judge_texts(&policy, &devices, users.as_deref());
    Ok(run_blocking("judge the policy", cancel, judge).await??)
}

/// Says whether the service would accept the policy of a file for the devices and people of others, its own tests run. Fails
/// only when a file cannot be read or a list is none.
#[uniffi::export(default(users = None, cancel = None))]
pub async fn judge_policy_files(
    policy: String,
    devices: String,
    users: Option<String>,
    cancel: Option<Arc<CancelToken>>,
) -> Result<PolicyCheckView, HomelabError> {
    let judge = move || {
        let users = users.as_deref().map(std::path::Path::new);
        tailnet::Tailnet::judge_files(policy, devices, users)
    };
    Ok(run_blocking("judge the policy", cancel, judge).await??)
}
