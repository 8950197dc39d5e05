//! How far a convention carries to another lab unchanged: [`Stratum`]; and what may leave the lab: [`Shareable`], [`Private`].
//!
//! ```
//! use homelab_core::stratum::{Private, Stratum};
//!
//! let stratum: Stratum = "3".parse()?;
//! assert_eq!(stratum, Stratum::Parametric);
//! assert!(stratum.is_shareable() && !Stratum::Instance.is_shareable());
//! assert!(!stratum.may_depend_on(Stratum::Instance));
//!
//! let address = Private::new("192.168.1.10");
//! assert_eq!(format!("{address:?}"), "Private(..)");
//! assert_eq!(*address.value(), "192.168.1.10");
//! # Ok::<(), homelab_core::Error>(())
//! ```

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// How far a convention carries to another lab unchanged: from 1, true everywhere, to 5, this lab alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stratum {
    /// 1: true everywhere.
    Philosophy,
    /// 2: the same shape, other content.
    Pattern,
    /// 3: a template with declared slots.
    Parametric,
    /// 4: a script or file that is the same everywhere.
    Deterministic,
    /// 5: this lab alone; it never leaves.
    Instance,
}

impl Stratum {
    /// Every stratum, from 1 to 5.
    pub const ALL: [Stratum; 5] = [
        Stratum::Philosophy,
        Stratum::Pattern,
        Stratum::Parametric,
        Stratum::Deterministic,
        Stratum::Instance,
    ];

    /// Returns the stratum of this number, if there is one.
    pub fn from_number(number: u8) -> Option<Stratum> {
        Stratum::ALL
            .into_iter()
            .find(|stratum| stratum.number() == number)
    }

    /// Returns its number, from 1 to 5.
    pub fn number(self) -> u8 {
        match self {
            Stratum::Philosophy => 1,
            Stratum::Pattern => 2,
            Stratum::Parametric => 3,
            Stratum::Deterministic => 4,
            Stratum::Instance => 5,
        }
    }

    /// Returns whether what is in it may leave the lab.
    pub fn is_shareable(self) -> bool {
        self != Stratum::Instance
    }

    /// Returns whether a file of this stratum may depend on one of the other: its own or a lower number.
    pub fn may_depend_on(self, other: Stratum) -> bool {
        other.number() <= self.number()
    }
}

impl FromStr for Stratum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = text.trim().parse().ok();
        number.and_then(Stratum::from_number).ok_or_else(|| {
            let text: String = text.chars().take(40).collect();
            Error::new(ErrorKind::Invalid, format!("read `{text}` as a stratum"))
                .with_hint("write a number from 1 (philosophy) to 5 (instance)")
        })
    }
}

/// The number.
impl fmt::Display for Stratum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// A value that was scanned and found to hold nothing of this lab alone: all that can be exported.
///
/// Only this library makes one, from what it has proven.
///
/// ```compile_fail,E0423
/// let shareable = homelab_core::stratum::Shareable("192.168.1.10");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shareable<T>(T);

impl<T> Shareable<T> {
    /// Returns the value as proven: the caller has scanned it.
    pub(crate) fn proven(value: T) -> Self {
        Shareable(value)
    }

    /// Returns the value.
    pub fn value(&self) -> &T {
        &self.0
    }

    /// Returns the value alone, no longer known to be shareable.
    pub fn into_value(self) -> T {
        self.0
    }
}

/// A value of stratum 5: shown to the lab's own people, never in Debug or logs, and without Serialize.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Returns the value as private.
    pub fn new(value: T) -> Self {
        Private(value)
    }

    /// Returns the value, for an output that only the lab's own people see.
    pub fn value(&self) -> &T {
        &self.0
    }
}

/// Hides the value.
impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_are_the_numbers_from_one_to_five() {
        for (index, stratum) in Stratum::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(stratum.number()), index + 1);
            assert_eq!(stratum.to_string().parse::<Stratum>().expect("a number"), stratum);
        }
        for text in ["0", "6", "", "instance", "-1", "300"] {
            assert!(text.parse::<Stratum>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_depends_on_its_own_number_or_a_lower_one() {
        assert!(Stratum::Parametric.may_depend_on(Stratum::Pattern));
        assert!(Stratum::Instance.may_depend_on(Stratum::Instance));
        assert!(!Stratum::Deterministic.may_depend_on(Stratum::Instance));
    }
}
