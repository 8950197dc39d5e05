//! The private network over everything: who may reach what by its policy.

use std::collections::HashMap;
use std::sync::Arc;

use homelab_core::tailnet;
use homelab_core::view::PolicyCheckView;

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::runtime::run_blocking;

/// A tailnet's policy in force over its devices and people: what each device enforces, sees and may do. What no rule
/// allows is denied.
#[derive(Debug, uniffi::Object)]
pub struct Tailnet(pub(crate) tailnet::Tailnet);

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
    #[uniffi::constructor(default(users = None))]
    pub fn from_texts(policy: &str, devices: &str, users: Option<String>) -> Result<Self, HomelabError> {
        let tailnet = tailnet::Tailnet::from_texts(policy, devices, users.as_deref())?;
        Ok(Tailnet(tailnet))
    }

    /// Returns the same, of a tailnet that gives its devices certificates, without which Funnel stays shut.
    pub fn with_https(&self, on: bool) -> Tailnet {
        Tailnet(self.0.clone().with_https(on))
    }

    /// Says whether the service would accept the policy: whether its own tests pass.
    pub fn check(&self) -> PolicyCheckView {
        self.0.check()
    }

    /// Returns which devices each device sees, by its host name. To be seen is not to be reached.
    pub fn peers(&self) -> HashMap<String, Vec<String>> {
        let peers = self.0.peers().into_iter();
        peers
            .map(|(name, peers)| (name, peers.iter().map(ToString::to_string).collect()))
            .collect()
    }

    /// Returns an answer as JSON in the service's own field names: `filter` (the packet filter that each device enforces),
    /// `ssh` (its SSH rules), `caps` (what it may do) or `peers` (which devices it sees).
    pub fn to_json(&self, question: &str) -> Result<String, HomelabError> {
        Ok(self.0.to_json(question)?)
    }
}

/// Says whether the service would accept a policy for these devices and people, its own tests run. Fails only when a list
/// is none: what is wrong with the policy is in the answer.
#[uniffi::export(default(users = None))]
pub fn judge_policy(
    policy: &str,
    devices: &str,
    users: Option<String>,
) -> Result<PolicyCheckView, HomelabError> {
    let judged = tailnet::Tailnet::judge_texts(policy, devices, users.as_deref());
    Ok(judged?)
}
