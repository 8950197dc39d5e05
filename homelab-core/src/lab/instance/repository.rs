//! A repository of backups, as instance.toml names it.

use crate::lab::pattern::{Retention, words};
use crate::name::{HostName, RepositoryName};
use crate::secret::SecretRef;
use crate::span::{Span, Spanned};

/// Which program's format a repository has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RepositoryKind {
    /// restic or rustic.
    Restic,
    /// Borg.
    Borg,
    /// Duplicati.
    Duplicati,
    /// ZFS snapshots.
    Zfs,
    /// Btrfs snapshots.
    Btrfs,
    /// Files as rclone copies them.
    Rclone,
}
words!(RepositoryKind {
    Restic = "restic",
    Borg = "borg",
    Duplicati = "duplicati",
    Zfs = "zfs",
    Btrfs = "btrfs",
    Rclone = "rclone",
});

/// Where copies are kept: `[repositories.NAME]`.
#[derive(Clone)]
pub struct RepositoryEntry {
    pub(in crate::lab) name: RepositoryName,
    pub(in crate::lab) span: Span,
    pub(in crate::lab) kind: Option<Spanned<RepositoryKind>>,
    pub(in crate::lab) location: Option<Spanned<String>>,
    pub(in crate::lab) password: Option<Spanned<SecretRef>>,
    pub(in crate::lab) host: Option<Spanned<HostName>>,
    pub(in crate::lab) medium: Option<Spanned<String>>,
    pub(in crate::lab) site: Option<Spanned<String>>,
    pub(in crate::lab) account: Option<Spanned<String>>,
    pub(in crate::lab) key_kept: Vec<Spanned<String>>,
    pub(in crate::lab) append_only: Option<Spanned<bool>>,
    pub(in crate::lab) keep: Option<Spanned<Retention>>,
}

impl RepositoryEntry {
    /// Returns its name.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Returns where it is declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns which program's format it has.
    pub fn kind(&self) -> Option<RepositoryKind> {
        self.kind.as_ref().map(|kind| *kind.value())
    }

    /// Returns where it is, as its program writes it.
    pub fn location(&self) -> Option<&Spanned<String>> {
        self.location.as_ref()
    }

    /// Returns where its password is kept.
    pub fn password(&self) -> Option<&SecretRef> {
        self.password.as_ref().map(Spanned::value)
    }

    /// Returns the machine that holds it, where it is one of the lab's.
    pub fn host(&self) -> Option<&HostName> {
        self.host.as_ref().map(Spanned::value)
    }

    /// Returns where that machine is written.
    pub fn host_span(&self) -> Option<&Span> {
        self.host.as_ref().map(Spanned::span)
    }

    /// Returns the physical disk or pool that it lies on.
    pub fn medium(&self) -> Option<&str> {
        self.medium.as_ref().map(|medium| medium.value().as_str())
    }

    /// Returns the place that it is at: `home`, `office`, `backblaze`.
    pub fn site(&self) -> Option<&str> {
        self.site.as_ref().map(|site| site.value().as_str())
    }

    /// Returns the account that pays for it.
    pub fn account(&self) -> Option<&str> {
        self.account.as_ref().map(|account| account.value().as_str())
    }

    /// Returns the places where its key is kept.
    pub fn key_kept(&self) -> &[Spanned<String>] {
        &self.key_kept
    }

    /// Returns whether those who write to it are said to be unable to delete from it: append-only, or an object lock.
    pub fn append_only(&self) -> Option<bool> {
        self.append_only.as_ref().map(|flag| *flag.value())
    }

    /// Returns which snapshots stay in it, where it says so and the dataset does not.
    pub fn keep(&self) -> Option<&Retention> {
        self.keep.as_ref().map(Spanned::value)
    }
}

impl std::fmt::Debug for RepositoryEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RepositoryEntry")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
