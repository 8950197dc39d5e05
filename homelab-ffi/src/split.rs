//! A lab parted into what can be shared and what cannot.

use std::collections::HashMap;
use std::sync::Arc;

use homelab_core::audit::Selection;
use homelab_core::split;
use homelab_core::stratum::{Private, Shareable};

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::lab::Lab;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::report::Report;

/// One thing that was held against the lab.
#[derive(Debug, Clone, PartialEq, Eq, Hash, uniffi::Record)]
pub struct Claim {
    /// What is claimed, with how much was looked at.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// Where it does not hold, without any private value.
    pub failures: Vec<String>,
}

/// What was shown of a split.
#[derive(Debug, Clone, PartialEq, Eq, Hash, uniffi::Record)]
pub struct Proof {
    /// The claims, each with where it fails.
    pub claims: Vec<Claim>,
    /// Whether all of them hold.
    pub holds: bool,
    /// A line for each claim, as people read it.
    pub text: String,
}

/// A lab parted into a template and its values, with the proof. Nothing of it can be shared until `prove` says so.
#[derive(Debug, uniffi::Object)]
pub struct Split(pub(crate) homelab_core::Split);

#[uniffi::export]
impl Split {
    /// Returns the template, which is not known to be shareable yet.
    pub fn template(&self) -> Template {
        Template(self.0.template().clone())
    }

    /// Returns what was taken out: all of it private.
    pub fn values(&self) -> Values {
        Values(self.0.values().clone())
    }

    /// Returns what was shown of the split, claim by claim.
    pub fn proof(&self) -> Proof {
        let proof = self.0.proof();
        let claims = proof.claims().iter().map(|claim| Claim {
            text: claim.text().to_owned(),
            holds: claim.holds(),
            failures: claim.failures().to_vec(),
        });
        Proof {
            claims: claims.collect(),
            holds: proof.holds(),
            text: proof.to_string(),
        }
    }

    /// Returns the template as one that can be exported. Fails with `Refused` when a claim of the proof does not hold.
    pub fn prove(&self) -> Result<ShareableTemplate, HomelabError> {
        Ok(ShareableTemplate(self.0.clone().prove()?))
    }
}

/// The files of strata 1 to 4 of a lab, with slots in the place of its values.
#[derive(Debug, uniffi::Object)]
pub struct Template(split::Template);

#[uniffi::export]
impl Template {
    /// Returns the files of a folder that was loaded as a lab and are of strata 1 to 4: a template that was exported. Fails
    /// with `Incomplete` when one of them was not read.
    #[uniffi::constructor]
    pub fn read(lab: &Lab) -> Result<Self, HomelabError> {
        Ok(Template(split::Template::read(&lab.0)?))
    }

    /// Returns the paths of its files, in order.
    pub fn files(&self) -> Vec<String> {
        self.0.files().map(|(path, _)| path.to_owned()).collect()
    }

    /// Returns the content of the file at a path.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.0.file(path).map(<[u8]>::to_vec)
    }
}

/// A template of which it is proven that it holds nothing of the lab: all that can be exported. `Split.prove` makes it.
#[derive(Debug, uniffi::Object)]
pub struct ShareableTemplate(Shareable<split::Template>);

#[uniffi::export]
impl ShareableTemplate {
    /// Returns the template itself.
    pub fn template(&self) -> Template {
        Template(self.0.value().clone())
    }

    /// Returns the plan that writes it into the folder of another lab, which was loaded. What is there and the same is left
    /// alone, and nothing is deleted.
    pub fn plan_export(&self, to: &Lab) -> Result<Plan, HomelabError> {
        Ok(Plan(self.0.plan_export(&to.0)?))
    }
}

/// What a split takes out of a lab, secrets included. `to_private_json` is the one stored form.
#[derive(Debug, uniffi::Object)]
pub struct Values(Private<split::Values>);

#[uniffi::export]
impl Values {
    /// Returns the values that `to_private_json` wrote.
    #[uniffi::constructor]
    pub fn from_private_json(text: &str) -> Result<Self, HomelabError> {
        Ok(Values(Private::new(split::Values::from_private_json(text)?)))
    }

    /// Returns the values as a JSON text, to be kept where nobody else reads: it has the lab's secrets in it.
    pub fn to_private_json(&self) -> String {
        self.0.value().to_private_json()
    }

    /// Returns the original lab's files, to the byte, by their paths. Fails with `Conflict` when the template has changed
    /// since.
    pub fn join(&self, template: &Template) -> Result<HashMap<String, Vec<u8>>, HomelabError> {
        Ok(self.0.value().join(&template.0)?.into_iter().collect())
    }

    /// Returns the plan that writes the values into a file of a folder, readable by its owner only.
    pub fn plan_keep(&self, to: &Lab, path: &str) -> Result<Plan, HomelabError> {
        Ok(Plan(self.0.value().plan_keep(&to.0, &path.parse()?)?))
    }

    /// Returns the plan that writes the original lab into the folder of another one, which was loaded.
    pub fn plan_join(&self, template: &Template, to: &Lab) -> Result<Plan, HomelabError> {
        Ok(Plan(self.0.value().plan_join(&template.0, &to.0)?))
    }
}

#[uniffi::export]
impl Lab {
    /// Returns what `leaks` does, of the values of these labs too: what a template of them must not hold. With other rules
    /// than lab.toml says, as `audit_with` takes them. With `history`, also what stands in the history of the repository of git
    /// that the folder is in.
    #[uniffi::method(default(rules = "", seen = None, history = false, cancel = None))]
    pub async fn leaks_of(
        &self,
        instances: Vec<Arc<Lab>>,
        rules: String,
        seen: Option<Arc<Observed>>,
        history: bool,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Report>, HomelabError> {
        let selection: Selection = rules.parse()?;
        let judge = move |lab: &homelab_core::Lab, seen: &homelab_core::Observed| {
            let all = instances.iter().fold(lab.vocabulary(seen), |all, instance| {
                all.with(&instance.0.vocabulary(seen))
            });
            let report = match history {
                true => lab.leaks_with_history(&all, seen, &selection),
                false => lab.leaks_of(&all, seen, &selection),
            };
            Ok(Arc::new(Report(report?)))
        };
        self.judge("look for leaks", seen, cancel, judge).await?
    }
}
