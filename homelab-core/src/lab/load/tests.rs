use super::*;

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("homelab-lab-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).expect("a folder");
        let folder = Folder(root);
        for (path, text) in files {
            folder.write(path, text);
        }
        folder
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }

    fn load(&self) -> Lab {
        Lab::load(&self.0).expect("a lab")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ids(lab: &Lab) -> Vec<String> {
    lab.services().map(|service| service.id().to_string()).collect()
}

fn rules_of(lab: &Lab) -> Vec<&'static str> {
    lab.diagnostics()
        .iter()
        .map(|finding| finding.rule().id)
        .collect()
}

const ONE: &str = "services:\n  web:\n    image: i:${TAG}\n";

#[test]
fn a_folder_gives_the_same_lab_as_its_texts() {
    let files = [
        ("services/one/compose.yaml", ONE),
        ("services/one/.env", "TAG=3\n"),
        ("lab.toml", "[tiers]\nproduction = ['one', 'gone']\n"),
        ("instance.toml", "[hosts.nas]\n"),
        ("node_modules/x/compose.yaml", ONE),
        (".git/compose.yaml", ONE),
        ("backups/one/compose.yaml", ONE),
        ("pods/p.container", "[Container]\nImage=p\n"),
        ("photo.jpg", "no text"),
    ];
    let folder = Folder::new("same", &files);
    let (disk, memory) = (folder.load(), Lab::from_texts("same", files));
    assert_eq!(ids(&disk), ["nas:pods/p", "nas:one/web"]);
    assert_eq!(ids(&disk), ids(&memory));
    let shown = |lab: &Lab| {
        lab.diagnostics()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&disk), shown(&memory));
    assert_eq!(rules_of(&disk), ["lab.unknown-name"]);
    let image = disk
        .service("one/web")
        .expect("one")
        .service()
        .image
        .clone()
        .expect("an image");
    assert_eq!(
        (image.value.as_str(), image.span.to_string().as_str()),
        ("i:3", "services/one/compose.yaml:3:12")
    );
    let paths: Vec<_> = disk.manifest().files().iter().map(LabFile::path).collect();
    assert_eq!(
        paths,
        [
            "instance.toml",
            "lab.toml",
            "photo.jpg",
            "pods/p.container",
            "services/one/.env",
            "services/one/compose.yaml"
        ]
    );
    assert_eq!(disk.manifest().file("photo.jpg").expect("listed").bytes(), None);
    assert_eq!(
        disk.manifest().file("services/one/.env").expect("kept").text(),
        Some("TAG=3\n")
    );
}

#[test]
fn only_a_folder_that_cannot_be_read_is_an_error() {
    let error = Lab::load("/nowhere/at/all").expect_err("no such folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let folder = Folder::new("file", &[("compose.yaml", "services: [\n")]);
    assert_eq!(
        Lab::load(folder.0.join("compose.yaml"))
            .expect_err("a file")
            .kind(),
        ErrorKind::Invalid
    );
    let lab = folder.load();
    assert!(
        !lab.diagnostics().is_empty(),
        "a file that is no YAML is a diagnostic"
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_and_end() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new(
        "links",
        &[
            ("stacks/one/compose.yaml", ONE),
            ("stacks/one/.env", "TAG=1"),
            (".hidden/two/compose.yaml", "services: {a: {image: i}}"),
        ],
    );
    let outside = Folder::new("outside", &[("three/compose.yaml", ONE)]);
    symlink(&folder.0, folder.0.join("stacks/loop")).expect("a link");
    symlink("../stacks/one", folder.0.join("stacks/again")).expect("a link");
    symlink("../.hidden/two", folder.0.join("stacks/two")).expect("a link");
    symlink(outside.0.join("three"), folder.0.join("stacks/three")).expect("a link");
    symlink("/nowhere", folder.0.join("stacks/dangling")).expect("a link");
    std::fs::create_dir(folder.0.join("four")).expect("a folder");
    symlink(
        outside.0.join("three/compose.yaml"),
        folder.0.join("four/compose.yaml"),
    )
    .expect("a link");
    let lab = folder.load();
    assert_eq!(ids(&lab), ["one/web", "two/a"]);
    assert_eq!(rules_of(&lab), ["lab.link-outside"]);
    assert!(
        lab.diagnostics()[0]
            .message()
            .contains("`four/compose.yaml` and `stacks/three`"),
        "{}",
        lab.diagnostics()[0]
    );
}

#[test]
fn what_lies_too_deep_or_is_too_large_is_said() {
    let folder = Folder::new(
        "limits",
        &[
            ("1/2/3/4/5/6/7/8/compose.yaml", "services: {a: {image: i}}"),
            ("1/2/3/4/5/6/7/8/9/compose.yaml", "services: {b: {image: i}}"),
        ],
    );
    folder.write("large.sh", &"#".repeat(MAX_FILE_BYTES as usize + 1));
    let lab = folder.load();
    assert_eq!(ids(&lab), ["8/a"]);
    assert_eq!(rules_of(&lab), ["lab.limit", "lab.limit"]);
    let file = lab.manifest().file("large.sh").expect("listed");
    assert_eq!((file.size(), file.bytes()), (MAX_FILE_BYTES + 1, None));
}

#[test]
fn what_goes_along_with_a_repository_is_read_and_runs_nothing() {
    let files = [
        (".github/workflows/test.yml", "env: {A: 192.168.7.10}\n"),
        (".devcontainer/docker-compose.yml", ONE),
        (".cache/x.md", "x"),
        ("lab.toml", "[strata]\n'**' = 3\n"),
    ];
    let folder = Folder::new("repository", &files);
    for lab in [folder.load(), Lab::from_texts("repository", files)] {
        assert!(ids(&lab).is_empty());
        let paths: Vec<&str> = lab.manifest().files().iter().map(|file| file.path()).collect();
        assert_eq!(
            paths,
            [
                ".devcontainer/docker-compose.yml",
                ".github/workflows/test.yml",
                "lab.toml"
            ]
        );
        assert!(
            lab.manifest()
                .files()
                .iter()
                .all(|file| file.stratum().is_shareable())
        );
    }
}

#[test]
fn an_empty_path_is_not_the_working_folder() {
    let error = Lab::load("").expect_err("no folder was named");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.to_string(), "read the lab's folder ``: the path is empty");
    assert_eq!(error.hint(), Some("name a folder; `.` is the working folder"));
    assert!(Lab::load(".").is_ok());
}
