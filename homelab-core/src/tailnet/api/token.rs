//! Finds a token where it is kept.

#![expect(
    clippy::disallowed_methods,
    reason = "a token is kept in the environment or in a file"
)]

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::secret::{Secret, SecretRef};

/// Returns the secret that a reference names.
pub(super) async fn read(reference: &SecretRef) -> Result<Secret> {
    let missing =
        |hint: &str| Error::new(ErrorKind::NotFound, format!("find the token `{reference}`")).with_hint(hint);
    match reference {
        SecretRef::Environment(name) => std::env::var(name)
            .map(Secret::new)
            .map_err(|_| missing("set the variable for whoever runs this")),
        SecretRef::File(path) => match std::fs::read_to_string(at_home(path)) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) => Err(missing("the file has to be there, and readable").with_source(error)),
        },
        #[cfg(feature = "tools")]
        SecretRef::Command(words) => {
            let (program, arguments) = words.split_first().ok_or_else(|| missing("name a program"))?;
            let output = crate::process::Command::new(program)
                .with_arguments(arguments)
                .run(&crate::cancel::Cancel::new())
                .await?;
            let text = String::from_utf8(output.stdout().to_vec());
            // The error would repeat the bytes.
            text.map(Secret::new)
                .map_err(|_| missing("the program has to print it as text"))
        }
        #[cfg(not(feature = "tools"))]
        SecretRef::Command(_) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("find the token `{reference}`: this build runs no programs"),
        )
        .with_hint("keep it in a file or a variable")),
    }
}

fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}
