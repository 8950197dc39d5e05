//! How a domain declares its rules: [`rules`].

/// Declares rules, each a static of its name, and `RULES`, which is all of them in their order.
///
/// A rule is `NAME = "domain.id", Principle, Severity, "title", "why", "fix";`, with its comment where the name does not
/// say enough.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $principle:ident, $severity:ident, $title:literal, $why:literal, $fix:literal;)+) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: $crate::finding::Rule = $crate::finding::Rule {
                id: $id,
                principle: $crate::finding::Principle::$principle,
                severity: $crate::finding::Severity::$severity,
                title: $title,
                why: $why,
                fix: $fix,
                opt_in: false,
            };
        )+

        /// Every rule of this module, in the order of docs/rules.
        pub(crate) static RULES: &[&$crate::finding::Rule] = &[$(&$name),+];
    };
}

pub(crate) use rules;
