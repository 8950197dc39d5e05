//! Finds a repository's password where it is kept.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::name::RepositoryName;
use crate::secret::{Secret, SecretRef};

/// Returns the password that a reference leads to. A last line break is none of it. Waits for files and programs.
pub(super) fn read(name: &RepositoryName, reference: &SecretRef) -> Result<Secret> {
    let missing = |hint: &str| {
        let message = format!("find the password of repository `{name}` at `{reference}`");
        Error::new(ErrorKind::NotFound, message).with_hint(hint)
    };
    let text = match reference {
        SecretRef::Environment(variable) => {
            std::env::var(variable).map_err(|_| missing("set the variable for whoever runs this"))?
        }
        SecretRef::File(path) => std::fs::read_to_string(at_home(path))
            .map_err(|error| missing("the file has to be there, and readable as text").with_source(error))?,
        SecretRef::Command(words) => printed(words, &missing)?,
    };
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err(missing("it is empty")),
        text => Ok(Secret::new(text)),
    }
}

#[cfg(feature = "tools")]
fn printed(words: &[String], missing: &dyn Fn(&str) -> Error) -> Result<String> {
    let (program, arguments) = words.split_first().ok_or_else(|| missing("name a program"))?;
    let output = crate::process::Command::new(program)
        .with_arguments(arguments)
        // What password managers need to find their stores and agents.
        .with_inherited([
            "PATH",
            "HOME",
            "USER",
            "LANG",
            "XDG_RUNTIME_DIR",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "GNUPGHOME",
            "DBUS_SESSION_BUS_ADDRESS",
        ])
        .with_time_limit(std::time::Duration::from_secs(60))
        .run_blocking(&crate::cancel::Cancel::new())
        .map_err(|error| missing("its program has to print it").with_source(error))?;
    // The error would repeat the bytes.
    String::from_utf8(output.stdout().to_vec()).map_err(|_| missing("the program has to print it as text"))
}

#[cfg(not(feature = "tools"))]
fn printed(_: &[String], _: &dyn Fn(&str) -> Error) -> Result<String> {
    let error = Error::new(
        ErrorKind::Unsupported,
        "run a program for a password: this build runs none",
    );
    Err(error.with_hint("keep it in a file or a variable"))
}

pub(super) fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_where_it_is_said_to_be_and_in_no_error() {
        let name: RepositoryName = "r".parse().expect("a name");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        let read = |reference: &SecretRef| read(&name, reference).map(|secret| secret.expose().to_owned());
        std::fs::write(&file, "canary phrase \r\n").expect("written");
        assert_eq!(
            read(&SecretRef::File(file.clone())).ok().as_deref(),
            Some("canary phrase ")
        );
        std::fs::write(&file, [0xff, 0xfe]).expect("written");
        for bad in [
            SecretRef::File(file.clone()),
            SecretRef::File(folder.path().join("none")),
            SecretRef::Environment("HOMELAB_TEST_NO_SUCH_VARIABLE".into()),
            SecretRef::Command(vec![]),
            SecretRef::Command(vec!["false".into()]),
        ] {
            let error = read(&bad).expect_err("none");
            assert!(!format!("{error:?} {error}").contains("canary"), "{bad}");
        }
        #[cfg(feature = "tools")]
        assert_eq!(
            read(&SecretRef::Command(vec!["echo".into(), "made up".into()]))
                .ok()
                .as_deref(),
            Some("made up")
        );
    }
}
