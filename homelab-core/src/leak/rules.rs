//! The rules of leaks: what is wrong in a file that can be shared.

use crate::finding::rules;

rules! {
    KNOWN_VALUE = "leak.known-value", PatternApart, Error,
        "a value of this lab stands in what is shared",
        "Whoever gets the file learns an address, a name or a path of this lab, and the file is wrong in every other lab.",
        "Write a slot in its place, and keep the value in `.env` or instance.toml.";
    KNOWN_SECRET = "leak.known-secret", PatternApart, Error,
        "a secret of this lab stands in what is shared",
        "Whoever gets the file, or a version of it that was ever shared, can use the secret.",
        "Write a slot in its place, keep the value in `.env`, and change the secret if the file was shared.";
    FILE_NAME = "leak.file-name", PatternApart, Error,
        "the path of a shared file holds a value of this lab",
        "Names of files go along wherever the files go, into archives, histories and listings.",
        "Name the file or folder after its role: `nas`, `proxy`.";
    PRIVATE_ADDRESS = "leak.private-address", PatternApart, Warning,
        "an address of a private network stands in what is shared",
        "It is right in one network only, and tells how that one is laid out.",
        "Write a slot in its place, or an address from the ranges kept for examples: 192.0.2.0/24, 2001:db8::/32.";
    HARDWARE_ADDRESS = "leak.hardware-address", PatternApart, Warning,
        "the number of a network card stands in what is shared",
        "It names one device in the world, and its maker.",
        "Write a slot in its place, or one from the range kept for examples: 00:00:5e:00:53:01.";
    PRIVATE_NAME = "leak.private-name", PatternApart, Warning,
        "a name of a private network stands in what is shared",
        "Names below `.ts.net`, `.local`, `.lan` and `.home.arpa` are those of one network's machines.",
        "Write a slot in its place, or a name below `example.com`.";
    LOGIN = "leak.login", PatternApart, Warning,
        "somebody's mail address stands in what is shared",
        "It names a person, and is collected by those who send what nobody wants.",
        "Write a slot in its place, or an address at `example.com`.";
    TOKEN = "leak.token", PatternApart, Error,
        "a token of a service stands in what is shared",
        "Its form says which service it opens; programs search what is published for such forms, within minutes.",
        "Withdraw the token at the service that gave it, write a slot in its place, and keep the new one in `.env`.";
    PRIVATE_KEY = "leak.private-key", PatternApart, Error,
        "a private key stands in what is shared",
        "Whoever has it is taken for its owner.",
        "Replace the key pair wherever it is trusted, and keep the new one outside of what is shared.";
    PUBLIC_KEY = "leak.public-key", PatternApart, Warning,
        "somebody's SSH key or fingerprint stands in what is shared",
        "It opens nothing, but names one person or machine wherever it is found.",
        "Write a slot in its place.";
    REPOSITORY = "leak.repository", PatternApart, Warning,
        "the place of a repository of backups stands in what is shared",
        "It tells where the copies of everything are, and often under which account.",
        "Write a slot in its place, and keep the value in `.env` or instance.toml.";
    URL_PASSWORD = "leak.url-password", PatternApart, Error,
        "a password stands in an address that is shared",
        "Whoever gets the file can use it.",
        "Write a slot in the password's place, keep the value in `.env`, and change the password.";
    ASSIGNED_SECRET = "leak.assigned-secret", PatternApart, Error,
        "something by the name of a secret has a value that a machine made",
        "Whoever gets the file can use it.",
        "Write a slot in its place, keep the value in `.env`, and change it.";
    COMMIT = "leak.commit", PatternApart, Error,
        "what is said of a commit, or who made it, tells of this lab",
        "Messages, authors, branches and tags go along with every copy of a repository.",
        "Write the history anew without it before anybody gets it (`git filter-repo --replace-message FILE`, `--mailmap FILE`), or share a new repository that begins with today's files.";
    OWN_IN_HISTORY = "leak.own-in-history", PatternApart, Warning,
        "a file of this lab's own is in the history of its repository",
        "Whoever gets the repository gets every file that was ever committed, whatever is in it today.",
        "Take the file out of the history before anybody gets it (`git filter-repo --invert-paths --path PATH`), or share a new repository that begins with today's files; change the secrets in it.";
    NOT_LOOKED_THROUGH = "leak.not-looked-through", PatternApart, Note,
        "files were taken for this lab's own and not looked through",
        "Of what a file is for nothing is known by its name alone, so that it is kept private; whoever shares it all the same has had no word of what it holds.",
        "Say of each file that is to be shared how far it carries: `[strata]`, `\"PATH\" = 3` in lab.toml, or `stratum: 2` in its front matter; of the others `= 5`.";
    SHARED_FIRST = "leak.shared-first", PatternApart, Warning,
        "a file that people share first holds values of this lab, and nothing says that it is private",
        "README.md, LICENSE and what is below docs go along with every copy of a repository.",
        "Say `stratum: 2` in its front matter to see each place, or in lab.toml that it is private: `[strata]`, `\"PATH\" = 5`.";
    NOT_SCANNED = "leak.not-scanned", PatternApart, Warning,
        "a file that can be shared was not looked through",
        "Nothing can be said of what it holds.",
        "Make it smaller than 1 MiB, or say that it is private: `[strata]` in lab.toml with `\"PATH\" = 5`.";
}
