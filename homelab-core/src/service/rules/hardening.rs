//! Generic hardening: what nearly every container could do without. Off unless asked for, since it is true of nearly
//! every service of nearly every lab.

use super::Declared;
use crate::finding::{Finding, Principle, Rule, Severity};

macro_rules! hardening {
    ($name:ident, $id:literal, $title:literal, $why:literal, $fix:literal) => {
        pub(super) static $name: Rule = Rule {
            id: $id,
            principle: Principle::IdentityFitsAudience,
            severity: Severity::Note,
            title: $title,
            why: $why,
            fix: $fix,
            opt_in: true,
        };
    };
}

hardening!(
    READ_ONLY,
    "hardening.read-only",
    "a container can write to its own root file system",
    "Whoever breaks into it can leave programs behind, and change those that are there, until it is made anew.",
    "Write `read_only: true`, and `tmpfs` for the paths that it must write to."
);

hardening!(
    CAPABILITIES,
    "hardening.capabilities",
    "a container keeps the engine's default capabilities",
    "Of the fourteen that every container gets, most applications need none.",
    "Write `cap_drop: [ALL]`, and add back by `cap_add` what is missed."
);

hardening!(
    LIMITS,
    "hardening.limits",
    "a container has no limit of memory or processors",
    "One that runs wild takes the others down with it.",
    "Write `mem_limit`, or `deploy.resources.limits`."
);

hardening!(
    NEW_PRIVILEGES,
    "hardening.new-privileges",
    "a container's programs can gain privileges",
    "A program with the set-user-id bit can make a small hole a large one.",
    "Write `security_opt: [\"no-new-privileges:true\"]`."
);

hardening!(
    ROOT_USER,
    "hardening.root-user",
    "a container's user is not said, or is root",
    "Unless its image says otherwise it runs as root, which is the machine's root wherever users are not remapped.",
    "Write `user`, where the image can run as another; some images take PUID and PGID instead."
);

pub(super) fn judge(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    let service = declared.service;
    let name = &service.name;
    let mut say = |rule: &'static Rule, message: String| {
        findings.push(declared.finding(rule, message, &service.span));
    };
    if !service.read_only.as_ref().is_some_and(|field| field.value) {
        say(&READ_ONLY, format!("`{name}` can write to its root file system"));
    }
    if !service
        .cap_drop
        .iter()
        .any(|field| field.value.eq_ignore_ascii_case("ALL"))
    {
        say(&CAPABILITIES, format!("`{name}` keeps the default capabilities"));
    }
    if service.limits.is_none() {
        say(&LIMITS, format!("`{name}` has no limit of memory or processors"));
    }
    let no_new = |text: &str| {
        let (key, value) = text.split_once([':', '=']).unwrap_or((text, "true"));
        key.trim() == "no-new-privileges" && value.trim() == "true"
    };
    if !service.security_opt.iter().any(|field| no_new(&field.value)) {
        say(
            &NEW_PRIVILEGES,
            format!("programs in `{name}` can gain privileges"),
        );
    }
    let root = |user: &str| matches!(user.split(':').next(), Some("" | "0" | "root"));
    let user_is_said = match &service.user {
        Some(user) => !root(&user.value),
        // The images that know it start as root and become this user.
        None => service
            .environment
            .get("PUID")
            .is_some_and(|field| field.value.as_deref().is_some_and(|user| !root(user))),
    };
    if !user_is_said {
        say(&ROOT_USER, format!("`{name}` may run as root"));
    }
}
