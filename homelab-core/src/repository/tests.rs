use super::*;
use crate::repository::memory::MemoryRepository;

fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

#[test]
fn the_one_in_memory_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = MemoryRepository::new("memory".parse().expect("a name"));
    assert_eq!(
        block(contract::check(&repository, folder.path())),
        Vec::<String>::new()
    );
}

#[test]
fn a_flipped_bit_in_memory_is_found_by_a_check_of_the_data_and_by_restoring() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a");
    std::fs::write(&file, "content").expect("written");
    let repository = MemoryRepository::new("memory".parse().expect("a name"));
    let watch = Watch::new();
    block(repository.init(&watch)).expect("made");
    let source = Source::new("nas".parse().expect("a name"), Timestamp::UNIX_EPOCH, [file]);
    let run = block(repository.run(&source, &watch)).expect("a run");
    repository.damage();
    assert!(
        block(repository.check(Depth::Structure, &watch))
            .expect("checked")
            .faults
            .is_empty()
    );
    assert_eq!(
        block(repository.check(Depth::All, &watch))
            .expect("checked")
            .faults
            .len(),
        1
    );
    let back = folder.path().join("back");
    let error = block(repository.restore(&run.snapshot.id, &back, &watch)).expect_err("damaged");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(
        !back
            .join(source.paths[0].strip_prefix("/").expect("absolute"))
            .exists()
    );
}

#[cfg(feature = "rustic")]
mod embedded {
    use std::fs;

    use super::*;
    use crate::repository::rustic::RusticRepository;
    use crate::secret::Secret;

    fn repository(path: &Path) -> RusticRepository {
        RusticRepository::new(
            "local".parse().expect("a name"),
            path,
            Secret::new("canary-password"),
        )
    }

    /// Returns a repository with one snapshot of a file, and that snapshot's id.
    fn filled(folder: &Path) -> (RusticRepository, PathBuf, String) {
        let source = folder.join("data");
        fs::create_dir(&source).expect("made");
        let bytes: Vec<u8> = (0..400_000u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        fs::write(source.join("file"), bytes).expect("written");
        let repository = repository(&folder.join("repository"));
        let watch = Watch::new();
        block(repository.init(&watch)).expect("made");
        let source = Source::new("nas".parse().expect("a name"), Timestamp::UNIX_EPOCH, [source]);
        let run = block(repository.run(&source, &watch)).expect("a run");
        (repository, folder.join("repository"), run.snapshot.id)
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => all.extend(files(&path)),
                false => all.push(path),
            }
        }
        all
    }

    #[test]
    fn the_embedded_one_keeps_the_contract() {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = repository(&folder.path().join("repository"));
        let work = folder.path().join("work");
        fs::create_dir(&work).expect("made");
        assert_eq!(block(contract::check(&repository, &work)), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_password_is_said_and_no_password_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (right, path, _) = filled(folder.path());
        let wrong = RusticRepository::new(
            "local".parse().expect("a name"),
            &path,
            Secret::new("canary-other"),
        );
        let error = block(wrong.probe(&Watch::new())).expect_err("the wrong one");
        assert_eq!(error.kind(), ErrorKind::WrongKey);
        let told = format!("{error}{error:?}{:?}{right:?}{wrong:?}", error.hint());
        assert!(!told.contains("canary"), "{told}");
        assert!(files(&path).iter().all(|file| {
            !fs::read(file)
                .expect("it")
                .windows(6)
                .any(|part| part == b"canary")
        }));
    }

    #[test]
    fn damage_is_found_named_and_never_restored() {
        for gone in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let (repository, path, snapshot) = filled(folder.path());
            let packs = files(&path.join("data"));
            let largest = packs
                .iter()
                .max_by_key(|pack| fs::metadata(pack).expect("it").len())
                .expect("a pack");
            fs::set_permissions(largest, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .expect("made writable");
            if gone {
                fs::remove_file(largest).expect("gone");
            } else {
                let mut bytes = fs::read(largest).expect("it");
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(largest, bytes).expect("flipped");
            }
            let watch = Watch::new();
            let structure = block(repository.check(Depth::Structure, &watch)).expect("checked");
            assert_eq!(
                structure.faults.is_empty(),
                !gone,
                "a flipped bit needs the data to be read: {structure:?}"
            );
            let all = block(repository.check(Depth::All, &watch)).expect("checked");
            let name = largest.file_name().expect("a name").to_string_lossy();
            assert!(
                all.faults.iter().any(|fault| fault.contains(&name[..8])),
                "{name}: {:?}",
                all.faults
            );
            let back = folder.path().join("back");
            let error = block(repository.restore(&snapshot, &back, &watch)).expect_err("damaged");
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}");
            assert!(
                files(&back).is_empty(),
                "no file is there with holes: {:?}",
                files(&back)
            );
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_makes_the_snapshot_partial() {
        // Root may read what nobody may; a folder that is a file is another way.
        let folder = tempfile::tempdir().expect("a folder");
        let (repository, _, _) = filled(folder.path());
        let closed = folder.path().join("data/closed");
        fs::write(&closed, "x").expect("written");
        fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).expect("closed");
        let watch = Watch::new();
        let source =
            |path: PathBuf| Source::new("nas".parse().expect("a name"), Timestamp::UNIX_EPOCH, [path]);
        let run = block(repository.run(&source(folder.path().join("data")), &watch)).expect("a run");
        match super::super::restore::may_own() {
            true => assert!(run.unreadable.is_empty()),
            false => assert_eq!(run.unreadable[0].0, closed),
        }
        // The kernel opens this file and fails to read it, for root too.
        let unreadable = PathBuf::from("/proc/self/mem");
        if unreadable.exists() {
            let run = block(repository.run(&source(unreadable.clone()), &watch)).expect("a run");
            assert_eq!(run.completeness(), Completeness::Partial, "{run:?}");
            assert_eq!(run.unreadable[0].0, unreadable);
        }
    }

    #[test]
    fn who_works_on_it_keeps_others_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let (repository, path, snapshot) = filled(folder.path());
        let watch = Watch::new();
        // restic's lock, fresh and forgotten.
        let lock = path.join("locks").join("0".repeat(64));
        fs::create_dir_all(lock.parent().expect("a folder")).expect("made");
        fs::write(&lock, "").expect("written");
        assert_eq!(
            block(repository.prune(&watch)).expect_err("locked").kind(),
            ErrorKind::Locked
        );
        assert_eq!(
            block(repository.forget(&[snapshot], &watch))
                .expect_err("locked")
                .kind(),
            ErrorKind::Locked
        );
        let file = fs::File::options().append(true).open(&lock).expect("it");
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(31 * 60))
            .expect("old");
        block(repository.prune(&watch)).expect("nobody holds that one");
        // Our own lease, held and let go of.
        let lease = fs::File::options()
            .append(true)
            .open(path.join("homelab.lease"))
            .expect("it");
        lease.lock().expect("held");
        let error = block(repository.prune(&watch)).expect_err("held");
        assert_eq!((error.kind(), error.retryable()), (ErrorKind::Locked, true));
        drop(lease);
        block(repository.prune(&watch)).expect("free again");
    }

    #[test]
    fn a_repository_is_not_made_where_its_disk_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = block(repository(&folder.path().join("unmounted/repository")).init(&Watch::new()))
            .expect_err("no disk");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(files(folder.path()).is_empty());
        fs::write(folder.path().join("photo.jpg"), "x").expect("written");
        let error = block(repository(folder.path()).init(&Watch::new())).expect_err("somebody's folder");
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}

#[test]
fn a_labs_repositories_say_why_they_cannot_be_worked_on() {
    let instance = "[hosts.nas]
[hosts.pi]
[repositories.zfs]
kind = 'zfs'
location = 'tank/copies'
[repositories.unsaid]
location = '/srv/copies'
[repositories.far]
kind = 'restic'
location = 's3:https://s3.example.com/x'
[repositories.other]
kind = 'restic'
location = '/srv/copies'
host = 'pi'
[repositories.keyless]
kind = 'restic'
location = '/srv/copies'
[repositories.here]
kind = 'restic'
location = '/srv/homelab-tests-have-none-here'
host = 'nas'
password = 'env:HOMELAB_TEST_NO_SUCH_VARIABLE'
";
    let lab = crate::Lab::from_texts("home", [("instance.toml", instance)]);
    let machine = crate::observed::Machine::new("nas".parse().expect("a name"));
    let all = Repositories::of_lab(&lab, Some(&machine));
    let why = |name: &str| {
        let error = all.repository(name).expect_err(name);
        (error.kind(), error.to_string())
    };
    for (name, said) in [
        ("zfs", "`zfs`"),
        ("unsaid", "no `kind`"),
        ("far", "not a path of this machine"),
        ("other", "is on host `pi`, and this machine is `nas`"),
    ] {
        let (kind, text) = why(name);
        assert!(kind == ErrorKind::Unsupported && text.contains(said), "{text}");
    }
    assert_eq!(why("none").0, ErrorKind::NotFound);
    assert_eq!(all.any(), cfg!(feature = "rustic"));
    // Without a password there is nothing to try.
    assert_eq!(why("keyless").0, ErrorKind::Unsupported);
    let expected = match cfg!(feature = "rustic") {
        true => ErrorKind::NotFound,
        false => ErrorKind::Unsupported,
    };
    assert_eq!(why("here").0, expected);
    let holdings = block(all.holdings(Timestamp::UNIX_EPOCH, &Watch::new()));
    assert_eq!(holdings.repositories().len(), 6);
    assert!(
        holdings
            .repositories()
            .all(|one| !one.is_seen() && one.gap.is_some())
    );
}
