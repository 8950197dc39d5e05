//! The rules behind a project's diagnostics: `compose.*`.

use crate::finding::rules;

rules! {
    /// A file that is no YAML, or past a limit.
    SYNTAX = "compose.syntax", Valid, Error, "the file cannot be read",
        "Docker Compose refuses this file, so nothing in it runs as written, and what follows the mistake is not judged.",
        "Correct the syntax at the place shown.";
    /// A key written twice in one mapping.
    DUPLICATE_KEY = "compose.duplicate-key", Valid, Error, "a key is written twice",
        "Docker Compose refuses a file with a key written twice; one of the two values is not meant.",
        "Remove one of the two.";
    /// A key that Compose does not know.
    UNKNOWN_KEY = "compose.unknown-key", Valid, Error, "a key is not known",
        "Docker Compose refuses a file with a key that it does not know: often a misspelling, or wrong indentation.",
        "Correct the key or its indentation; prefix keys of your own with `x-`.";
    /// A value that the attribute cannot hold.
    INVALID_VALUE = "compose.invalid-value", Valid, Error, "a value does not fit",
        "Docker Compose refuses a value that the attribute cannot hold.",
        "Write a value of the kind named.";
    /// An attribute that must be there and is not.
    MISSING_KEY = "compose.missing-key", Valid, Error, "a key is missing",
        "Docker Compose refuses a mapping without this key.",
        "Add the key.";
    /// Attributes that exclude each other.
    CONFLICT = "compose.conflict", Valid, Error, "attributes exclude each other",
        "Docker Compose refuses attributes that cannot hold together.",
        "Keep one of them.";
    /// A service without an image.
    NO_IMAGE = "compose.no-image", Valid, Error, "a service has neither image nor build",
        "Docker Compose refuses a service without an image or something to build one from.",
        "Add `image:` or `build:`, or merge the file that has it.";
    /// A reference to something that the project has not.
    UNDEFINED = "compose.undefined", Valid, Error, "a reference leads nowhere",
        "Docker Compose refuses a project that refers to a service, network, volume, config or secret that it does not declare.",
        "Declare it, or correct its name.";
    /// A cycle of includes, extends or dependencies.
    CYCLE = "compose.cycle", Valid, Error, "files or services refer to each other in a circle",
        "Docker Compose refuses a circle of `include`, `extends` or `depends_on`.",
        "Break the circle.";
    /// A file that is referred to and not there.
    MISSING_FILE = "compose.missing-file", Valid, Error, "a file is missing",
        "Docker Compose refuses a project whose included, extended or environment file is not there.",
        "Create the file, correct its path, or mark an env_file `required: false`.";
    /// A file that is referred to and not fit to be read.
    UNREADABLE_FILE = "compose.unreadable-file", Valid, Error, "a file cannot be read",
        "The file is there, but it cannot be read, or does not have the form that it should.",
        "Correct the file at the place shown.";
    /// A path outside the lab's folder.
    OUTSIDE_ROOT = "compose.outside-root", Valid, Warning, "a file outside the lab is referred to",
        "Only files inside the lab's folder are read, so what this one would add is not known.",
        "Move the file into the lab, or audit the folder that holds both.";
    /// An include or extends from elsewhere.
    REMOTE = "compose.remote", Valid, Warning, "a remote file is included",
        "Files from git or registries are never fetched, so what this one would add is not known; it can also change without notice.",
        "Keep a copy of the file in the lab.";
    /// A `${` that is no variable.
    INTERPOLATION = "compose.interpolation", Valid, Error, "a variable is not well written",
        "Docker Compose refuses a `$` that begins no variable.",
        "Write `${NAME}`, or `$$` for a dollar.";
    /// A required variable without a value.
    REQUIRED_VARIABLE = "compose.required-variable", Valid, Error, "a required variable has no value",
        "Docker Compose refuses to start a project whose required variable is not set.",
        "Set the variable in the `.env` file beside the Compose file.";
    /// A variable without a value and without a default.
    UNSET_VARIABLE = "compose.unset-variable", Valid, Note, "a variable has no value",
        "Docker Compose takes an empty text for it, so the value is not what the file shows.",
        "Set the variable in the `.env` file beside the Compose file, or give it a default: `${NAME:-default}`.";
}
