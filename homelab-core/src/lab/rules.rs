//! The rules of the lab's own files: what is wrong in lab.toml, instance.toml, and in how the files lie.

use crate::finding::rules;

rules! {
    INVALID_TOML = "lab.invalid-toml", Valid, Error,
        "a settings file is not TOML",
        "The line means nothing, so what it was to set is not set.",
        "Correct the line; what stands in quotes, and one `key = value` on each line, is TOML.";
    UNKNOWN_KEY = "lab.unknown-key", Valid, Warning,
        "a settings file has a key that means nothing",
        "A mistyped key changes nothing, and its author believes that it does.",
        "Correct the key, or remove it.";
    INVALID_VALUE = "lab.invalid-value", Valid, Error,
        "a setting has a value that means nothing",
        "The setting is ignored, as if it had not been written.",
        "Write a value of the kind that is expected.";
    MISSING_VALUE = "lab.missing-value", Valid, Error,
        "an entry lacks a part without which it means nothing",
        "The whole entry is ignored: an exception without an end, for example, would last for ever.",
        "Add the missing key.";
    UNKNOWN_NAME = "lab.unknown-name", Valid, Warning,
        "a setting names something that the lab does not have",
        "The setting is about nothing: a policy for a service that was renamed no longer holds for it.",
        "Correct the name, or remove the setting.";
    UNPLACED = "lab.unplaced-project", Valid, Note,
        "a project runs on no machine that is known",
        "With several machines, who reaches a service depends on which of them runs it; until that is said, the widest is assumed possible.",
        "Add `[projects.NAME]` with `hosts = [..]` to instance.toml, or put the project below a folder named after its machine.";
    SHADOWED = "lab.shadowed-file", Valid, Warning,
        "a Compose file is not used, since another one comes first",
        "Compose takes one main file of a folder; changes in the other do nothing.",
        "Remove the file that is not used, or list both in COMPOSE_FILE.";
    UNREAD_FILE = "lab.unread-file", Valid, Note,
        "Compose files lie beside others and are part of no project",
        "Compose reads one main file of a folder and its override. What the others declare was not judged: where one is \
         used, with `-f`, its ports and privileges are not in this report.",
        "List the files that belong together in COMPOSE_FILE in the folder's `.env`; give others a folder of their own.";
    CONTRADICTION = "lab.contradiction", Valid, Warning,
        "two settings contradict each other",
        "Only one of them can hold, and a reader cannot see which.",
        "Remove one of them.";
    LITERAL_SECRET = "lab.literal-secret", PatternApart, Error,
        "a secret stands in a settings file",
        "Settings files are read, printed, copied and put under version control; a secret in one of them is known to all who see it.",
        "Write where the secret is kept: `env:NAME`, `file:PATH` or `command:PROGRAM ARGUMENT ...`; then change the secret.";
    PRIVATE_VALUE = "lab.private-value-in-pattern", PatternApart, Warning,
        "lab.toml holds a value of this lab alone",
        "lab.toml is the part that can be shared: an address, a login or a path in it tells others about this lab, and means nothing in theirs.",
        "Move the value to instance.toml, or write a slot in its place: `${NAME}`, with its value in `.env`.";
    SHARED_NAME = "lab.shared-project-name", Valid, Warning,
        "several projects have one name",
        "A name should lead to one project. Docker Compose takes two of its own for the same: starting one reports the other's containers as orphans, and may remove them.",
        "Give one of them another `name:`, or move them to folders of different names.";
    UNREADABLE = "lab.unreadable-file", Valid, Warning,
        "a file of the lab cannot be read",
        "What it declares is not known, so nothing can be said of it.",
        "Let the user who runs this read the file, or move it out of the lab's folder.";
    LINK_OUTSIDE = "lab.link-outside", Valid, Note,
        "a symbolic link leads out of the lab's folder",
        "Files outside are not the lab's: they are not read, and not under its version control.",
        "Move what it leads to into the lab's folder, or load that folder as a lab of its own.";
    LIMIT = "lab.limit", Valid, Warning,
        "the folder is larger than a lab is expected to be",
        "What lies past the limit was not looked at, so what is said of the lab is not complete.",
        "Load the folder that holds the Compose files, not one far above it.";
    NOTHING_DECLARED = "lab.nothing-declared", Valid, Note,
        "the folder declares no service",
        "A report without findings says nothing where nothing was there to be looked at.",
        "Name the folder that holds the Compose files; docs/discovery.md says which are found.";
    MISSING_SLOT = "lab.missing-slot", Valid, Error,
        "a declared slot has no value",
        "The Compose file uses the variable; without a value an empty text stands in its place.",
        "Set it in the `.env` beside the Compose file.";
    UNUSED_SLOT = "lab.unused-slot", Valid, Note,
        "a declared slot is used nowhere",
        "Whoever fills in the slots of this lab gives a value that changes nothing.",
        "Remove `[slots.NAME]` from lab.toml, or use the variable.";
    UNDECLARED_SLOT = "lab.undeclared-slot", PatternApart, Warning,
        "a Compose file uses a variable that lab.toml does not declare",
        "Whoever takes over the pattern does not learn that a value is needed, and for what.",
        "Add `[slots.NAME]` with a description to lab.toml.";
    NOT_VERSIONED = "lab.not-versioned", VersionedConfiguration, Warning,
        "the lab is not under version control",
        "Nobody can see what changed before something broke, or go back to it.",
        "Run `git init`, list `.env` and `instance.toml` in `.gitignore`, and commit the rest.";
    UNCOMMITTED = "lab.uncommitted-changes", VersionedConfiguration, Note,
        "files of the lab have changes that are not committed",
        "What runs is not what the history says.",
        "Commit the changes, or undo them.";
    UNTRACKED = "lab.untracked-file", VersionedConfiguration, Warning,
        "a Compose file is not under version control",
        "The rest of the lab has a history; this file would be lost with the disk.",
        "Run `git add` for it and commit it.";
    COMMITTED_ENVIRONMENT = "lab.committed-environment", VersionedConfiguration, Error,
        "a file of private values is under version control",
        "A `.env` or instance.toml holds the values of this lab alone, mostly passwords; whoever gets the repository has them, also from its history.",
        "Run `git rm --cached` for it, list it in `.gitignore`, and change the secrets that it holds.";
    NO_REMOTE = "lab.no-remote", VersionedConfiguration, Note,
        "the repository has no remote",
        "The history lies on the same disk as the files, and is lost with them.",
        "Add a remote on another machine, `git remote add origin ...`, and push to it.";
}
