//! Images fetched from a registry: a real one, in the engine's own network, that nobody else reaches.

use std::fs;
use std::process::{Child, Command, Stdio};

use homelab_core::engine::Engine as _;
use homelab_core::{Error, ErrorKind};

use super::killed::listener;
use super::{Real, ensure, text};

/// Where it lets everybody in; tests/engines.py tells Podman that it speaks no TLS.
const OPEN: u16 = 5000;

/// Where it lets nobody in.
const CLOSED: u16 = 5001;

struct Registry {
    folder: tempfile::TempDir,
    process: Child,
}

impl Registry {
    fn start(real: &Real, port: u16) -> Result<Registry, String> {
        let said = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir().map_err(said)?;
        let users = folder.path().join("users");
        // Of a word that nobody knows.
        fs::write(&users, format!("somebody:$2y$05${}\n", "a".repeat(53))).map_err(said)?;
        let closed = match port {
            CLOSED => format!(
                "auth: {{ htpasswd: {{ realm: homelab, path: {} }} }}\n",
                users.display()
            ),
            _ => String::new(),
        };
        let settings = folder.path().join("settings.yaml");
        let text = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {}/data }} }}\n\
             http: {{ addr: '127.0.0.1:{port}' }}\n{closed}",
            folder.path().display()
        );
        fs::write(&settings, text).map_err(said)?;
        let inside = listener(&real.address)?;
        let process = Command::new("nsenter")
            .args(["--net", "--target", &inside, "docker-registry", "serve"])
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(said)?;
        Ok(Registry { folder, process })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(self.folder.path().join("data"));
    }
}

pub(super) async fn an_image_is_pulled_with_progress(real: &Real) -> Result<(), String> {
    let _open = Registry::start(real, OPEN)?;
    let _closed = Registry::start(real, CLOSED)?;
    let image = format!("127.0.0.1:{OPEN}/homelab/pulled:{}", real.prefix);
    // Large enough that there is something to tell while it is fetched; what nobody has had yet.
    let made = tempfile::tempdir().map_err(|error| error.to_string())?;
    let script = "mkdir root && head -c 100000000 /dev/urandom > root/new && tar -C root -cf image.tar .";
    let status = Command::new("sh")
        .args(["-c", script])
        .current_dir(made.path())
        .status();
    ensure(status.is_ok_and(|status| status.success()), || {
        "no image is made".to_owned()
    })?;
    let archive = made.path().join("image.tar");
    real.docker(&["import", &archive.display().to_string(), &image])?;
    // It takes a moment until somebody listens.
    let mut tries = 0;
    while let Err(error) = real.docker(&["push", &image]) {
        tries += 1;
        ensure(tries < 50, || error)?;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    real.docker(&["rmi", "-f", &image])?;
    let has = async || -> Result<bool, Error> {
        let images = real.engine.images().await?;
        Ok(images.iter().any(|one| one.tags.contains(&image)))
    };
    ensure(!has().await.map_err(text)?, || "it is still there".to_owned())?;

    let told = real.engine.pull(&image).all().await.map_err(text)?;
    ensure(has().await.map_err(text)?, || {
        format!("it did not come: {told:?}")
    })?;
    let layers = told.iter().filter(|one| one.layer.is_some()).count();
    ensure(layers > 0, || format!("no layer is told: {told:?}"))?;
    if real.prefix != "podman" {
        // Podman's Docker interface names layers only.
        let counted = told.iter().any(|one| one.done > Some(0) && one.total >= one.done);
        ensure(counted, || format!("no bytes are told: {told:?}"))?;
    }
    // What is there is no error, and at once.
    real.engine.pull(&image).all().await.map_err(text)?;

    for (image, kind) in [
        (format!("127.0.0.1:{OPEN}/homelab/none:1"), ErrorKind::NotFound),
        (
            format!("127.0.0.1:{OPEN}/homelab/pulled:none"),
            ErrorKind::NotFound,
        ),
        (
            format!("127.0.0.1:{CLOSED}/homelab/pulled:1"),
            ErrorKind::Unauthorised,
        ),
        (
            "127.0.0.1:5002/homelab/pulled:1".to_owned(),
            ErrorKind::Unreachable,
        ),
        ("127.0.0.1:5000/UPPER CASE".to_owned(), ErrorKind::Invalid),
    ] {
        let error = match real.engine.pull(&image).all().await {
            Ok(told) => return Err(format!("`{image}` is fetched: {told:?}")),
            Err(error) => error,
        };
        ensure(
            error.kind() == kind && error.hint().is_some() && error.to_string().contains(&image),
            || format!("`{image}`: {}", text(error)),
        )?;
    }
    Ok(())
}
