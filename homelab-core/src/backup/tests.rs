mod datasets;
mod findings;
mod places;

use super::*;
use crate::finding::Finding;
use crate::observed::{Backups, Check, Completeness, Drill, Holdings, Snapshot};
use crate::plan::Depth;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    at("2027-01-02T12:00:00Z")
}

/// A NAS with two pools, and a repository elsewhere: the pattern's own example.
const INSTANCE: &str = "[hosts.nas]
media = { tank = ['/mnt/tank', '/var/lib/docker'], vault = ['/mnt/vault'] }
[repositories.second]
kind = 'zfs'
location = 'vault/copies'
host = 'nas'
[repositories.offsite]
kind = 'restic'
location = 'b2:copies'
account = 'alice'
key_kept = ['a safe']
";

const PHOTOS: &str = "[datasets.photos]\nclass = 'irreplaceable'\npaths = ['/mnt/tank/photos']\n";

fn lab(pattern: &str, instance: &str) -> Lab {
    let lab = Lab::from_texts("home", [("lab.toml", pattern), ("instance.toml", instance)]);
    let wrong: Vec<&Finding> = lab
        .diagnostics()
        .iter()
        .filter(|one| !["lab.nothing-declared", "lab.private-value-in-pattern"].contains(&one.rule().id))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    lab
}

fn snapshot(hours: i64, path: &str) -> Snapshot {
    let at = now() - SignedDuration::from_hours(hours);
    Snapshot::new(format!("s{hours}"), at)
        .with_path(path)
        .on(&"nas".parse().expect("a name"))
}

fn holdings(name: &str, snapshots: impl IntoIterator<Item = Snapshot>) -> Holdings {
    let mut one = Holdings::new(name.parse().expect("a name"), now(), "test");
    one.snapshots = Some(snapshots.into_iter().collect());
    one
}

fn both() -> [Holdings; 2] {
    [
        holdings("second", [snapshot(2, "/mnt/tank/photos")]),
        holdings("offsite", [snapshot(14, "/mnt/tank")]),
    ]
}

fn seen(all: impl IntoIterator<Item = Holdings>) -> Observed {
    Observed::none(now()).with_backups(Backups::new(all))
}

/// Returns copies, media, elsewhere and the state of the only dataset.
fn counts(lab: &Lab, seen: &Observed) -> (u32, u32, u32, State) {
    let survival = lab.survival(seen);
    let one = &survival.verdicts()[0];
    (one.copies(), one.media(), one.offsite(), one.state())
}

fn reasons(lab: &Lab, seen: &Observed, repository: &str) -> Vec<String> {
    let survival = lab.survival(seen);
    let copy = survival.verdicts()[0]
        .held()
        .iter()
        .find(|copy| copy.repository().as_str() == repository);
    let copy = copy.expect("the repository");
    let near = copy
        .near()
        .iter()
        .map(|reason| format!("near: {}", reason.as_str()));
    copy.reasons()
        .iter()
        .map(|reason| reason.as_str().to_owned())
        .chain(near)
        .collect()
}

#[test]
fn the_patterns_own_example_satisfies_3_2_1() {
    let lab = lab(PHOTOS, INSTANCE);
    assert_eq!(counts(&lab, &seen(both())), (3, 3, 1, State::Meets));
    assert_eq!(lab.survival(&seen(both())).exit_code(), 0);
    let text = lab.survival(&seen(both())).to_string();
    let expected = "\
DATASET  CLASS          COPIES  MEDIA  OFFSITE  NEWEST  VERDICT
photos   irreplaceable  3       3      1        2 h     3-2-1

photos (/mnt/tank/photos on nas)
  second: 2 h old, counts
    whether its runs were whole is not recorded
  offsite: 14 h old, counts, elsewhere
    whether its runs were whole is not recorded
    where its key is kept is declared, unverified

If lost:
  disk:       restored: photos, up to 2 h of work lost
  machine:    perhaps restored: photos, up to 14 h of work lost
  house:      perhaps restored: photos, up to 14 h of work lost
  account:    no data is lost; copies in offsite are
  password:   no data is lost, and no copy
  ransomware: lost: photos
";
    assert_eq!(text, expected);
}

#[test]
fn each_copy_that_does_not_count_says_why() {
    let judged = |pattern: &str, instance: &str, change: &dyn Fn(&mut [Holdings; 2])| {
        let lab = lab(pattern, instance);
        let mut all = both();
        change(&mut all);
        let seen = seen(all);
        (
            reasons(&lab, &seen, "second"),
            reasons(&lab, &seen, "offsite"),
            counts(&lab, &seen),
        )
    };
    let instance = |from: &str, to: &str| {
        assert!(INSTANCE.contains(from), "{from}");
        INSTANCE.replace(from, to)
    };
    let second = |change: &dyn Fn(&mut [Holdings; 2])| judged(PHOTOS, INSTANCE, change).0;
    let offsite = |change: &dyn Fn(&mut [Holdings; 2])| judged(PHOTOS, INSTANCE, change).1;

    // The pool of the original.
    let same = judged(PHOTOS, &instance("'vault/copies'", "'tank/copies'"), &|_| {});
    assert_eq!(
        (same.0, same.2),
        (
            vec!["same_medium".to_owned(), "near: same_site".into()],
            (2, 2, 1, State::FallsShort)
        )
    );
    // Nobody has said which disk the original is on.
    let unsaid = judged(
        PHOTOS,
        &instance(
            "media = { tank = ['/mnt/tank', '/var/lib/docker'], vault = ['/mnt/vault'] }\n",
            "",
        ),
        &|_| {},
    );
    assert_eq!(
        (unsaid.0, unsaid.2),
        (
            vec!["medium_unknown".to_owned(), "near: same_site".into()],
            (2, 2, 1, State::NotKnown)
        )
    );
    // 36 hours is how old it may be.
    let old = |hours| move |all: &mut [Holdings; 2]| all[1].snapshots = Some(vec![snapshot(hours, "/mnt")]);
    assert!(offsite(&old(36)).is_empty());
    assert_eq!(offsite(&old(37)), ["stale"]);
    assert!(
        judged(&format!("{PHOTOS}recovery_point = '2d'\n"), INSTANCE, &old(48))
            .1
            .is_empty()
    );
    // Something could not be read; an older whole one stands in for it while it is young enough.
    let mut partial = snapshot(1, "/mnt");
    partial.completeness = Completeness::Partial;
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![partial.clone()])),
        ["partial"]
    );
    assert!(offsite(&|all| all[1].snapshots = Some(vec![snapshot(30, "/mnt"), partial.clone()])).is_empty());
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![partial.clone(), snapshot(40, "/mnt")])),
        ["stale"]
    );
    // Another path, another machine, one that does not say which.
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![snapshot(1, "/mnt/tank/photos2")])),
        ["lacks"]
    );
    assert_eq!(offsite(&|all| all[1].snapshots = Some(vec![])), ["lacks"]);
    let of = |host: Option<&str>| {
        let mut one = snapshot(1, "/mnt");
        one.host = host.map(str::to_owned);
        one
    };
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![of(Some("pi"))])),
        ["other_host"]
    );
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![of(None)])),
        ["other_host"]
    );
    assert!(offsite(&|all| all[1].snapshots = Some(vec![of(Some("NAS.lan"))])).is_empty());
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![of(Some("nas.friend.org"))])),
        ["other_host"]
    );
    // A part of it was looked for, and is not there.
    let mut lacking = snapshot(1, "/mnt");
    lacking.lacks.push("/mnt/tank/photos/2026".into());
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![lacking.clone()])),
        ["lacks"]
    );
    // A clock that was wrong makes no copy fresh for ever.
    assert_eq!(
        offsite(&|all| all[1].snapshots = Some(vec![snapshot(-2, "/mnt")])),
        ["future"]
    );
    assert!(
        offsite(&|all| all[1].snapshots = Some(vec![snapshot(-2, "/mnt"), snapshot(3, "/mnt")])).is_empty()
    );
    // It did not answer.
    let down = |all: &mut [Holdings; 2]| {
        all[1].snapshots = None;
        all[1] = all[1].clone().with_gap(&crate::Error::new(
            crate::ErrorKind::Unreachable,
            "reach `b2:copies`",
        ));
    };
    let silent = judged(PHOTOS, INSTANCE, &down);
    assert_eq!(
        (silent.1, silent.2),
        (vec!["not_seen".to_owned()], (2, 2, 0, State::NotKnown))
    );
    // Keys.
    let key = |place: &str| judged(PHOTOS, &instance("['a safe']", place), &|_| {}).1;
    assert_eq!(key("['nas']"), ["key_lost", "near: key_lost"]);
    assert_eq!(key("['home']"), ["near: key_lost"]);
    assert_eq!(key("['nas', 'home']"), ["near: key_lost"]);
    assert!(key("['nas', 'a safe']").is_empty());
    let unsaid = judged(PHOTOS, &instance("key_kept = ['a safe']\n", ""), &|_| {});
    assert_eq!(
        (unsaid.1, unsaid.2),
        (
            vec!["key_unknown".to_owned(), "near: key_unknown".into()],
            (2, 2, 0, State::NotKnown)
        )
    );
    // Encryption, of what has a form without.
    let borg = instance("kind = 'restic'", "kind = 'borg'");
    let encrypted = |said: Option<bool>| judged(PHOTOS, &borg, &|all| all[1].encrypted = said).1;
    assert_eq!(encrypted(None), ["near: encryption_unknown"]);
    assert_eq!(encrypted(Some(false)), ["near: unencrypted"]);
    assert!(encrypted(Some(true)).is_empty());
    // Places.
    assert_eq!(
        judged(
            PHOTOS,
            &instance("'b2:copies'", "'s3:https://s3.example.com/x'"),
            &|_| {}
        )
        .1,
        ["medium_unknown", "near: site_unknown"]
    );
    assert_eq!(
        judged(
            PHOTOS,
            &instance("'b2:copies'", "'rest:http://nas:8000/'"),
            &|_| {}
        )
        .1,
        ["medium_unknown", "near: same_site"]
    );
    // A copied tree follows.
    assert_eq!(
        judged(
            PHOTOS,
            &instance("kind = 'zfs'", "kind = 'rclone'\nmedium = 'vault'"),
            &|_| {}
        )
        .0,
        ["sync", "encryption_unknown", "near: same_site"]
    );
    // Damage.
    let check = |passed| Check {
        at: now(),
        depth: Depth::All,
        passed,
    };
    assert_eq!(offsite(&|all| all[1].check = Some(check(false))), ["damaged"]);
    assert!(offsite(&|all| all[1].check = Some(check(true))).is_empty());
    let drill = |passed| Drill {
        at: now(),
        snapshot: "s14".into(),
        passed,
        databases: false,
        proof: "2 files differ".into(),
    };
    let drilled = |passed| {
        offsite(&|all| {
            drop(
                all[1]
                    .drills
                    .insert("photos".parse().expect("a name"), drill(passed)),
            )
        })
    };
    assert_eq!(drilled(false), ["damaged"]);
    assert!(drilled(true).is_empty() && second(&|_| {}) == ["near: same_site"]);
}

#[test]
fn two_repositories_on_one_disk_are_one_copy() {
    let more = format!(
        "{INSTANCE}[repositories.third]\nkind = 'restic'\nlocation = '/mnt/vault/restic'\nhost = 'nas'\nkey_kept = ['a safe']\n"
    );
    let third = holdings("third", [snapshot(1, "/mnt/tank/photos")]);
    let near: Vec<Holdings> = both().into_iter().take(1).chain([third]).collect();
    assert_eq!(
        counts(&lab(PHOTOS, &more), &seen(near)),
        (2, 2, 0, State::NotKnown),
        "the one elsewhere was not asked"
    );
    let mut all: Vec<Holdings> = both().into();
    all[1].snapshots = Some(Vec::new());
    all.push(holdings("third", [snapshot(1, "/mnt/tank/photos")]));
    assert_eq!(
        counts(&lab(PHOTOS, &more), &seen(all)),
        (2, 2, 0, State::FallsShort)
    );
}

#[test]
fn a_loss_leaves_what_is_elsewhere_and_can_be_read() {
    let fate = |instance: &str, all: [Holdings; 2], loss: Loss| {
        let lab = lab(PHOTOS, instance);
        let remains = lab.survival(&seen(all)).if_lost(loss).remove(0);
        (
            remains.fate(),
            remains.from().map(ToString::to_string),
            remains.work().map(|work| work.as_hours()),
        )
    };
    let from = |name: &str| Some(name.to_owned());
    assert_eq!(
        fate(INSTANCE, both(), Loss::Disk),
        (Fate::Restored, from("second"), Some(2))
    );
    assert_eq!(
        fate(INSTANCE, both(), Loss::Machine),
        (Fate::Perhaps, from("offsite"), Some(14))
    );
    assert_eq!(
        fate(INSTANCE, both(), Loss::House),
        (Fate::Perhaps, from("offsite"), Some(14))
    );
    assert_eq!(fate(INSTANCE, both(), Loss::Password).0, Fate::Kept);
    // The key burns with the house.
    let key = |place: &str| INSTANCE.replace("['a safe']", place);
    assert_eq!(fate(&key("['home']"), both(), Loss::House).0, Fate::Lost);
    assert_eq!(fate(&key("['home']"), both(), Loss::Machine).0, Fate::Perhaps);

    assert_eq!(fate(&key("['nas']"), both(), Loss::Machine).0, Fate::Lost);
    let unsaid = INSTANCE.replace("key_kept = ['a safe']\n", "");
    assert_eq!(fate(&unsaid, both(), Loss::House).0, Fate::Perhaps);
    let lab = lab(PHOTOS, &unsaid);
    assert_eq!(
        lab.survival(&seen(both())).if_lost(Loss::Password)[0].copies_lost()[0].as_str(),
        "offsite"
    );
    // What may be deleted with the machine's own credentials is gone with it.
    assert_eq!(fate(INSTANCE, both(), Loss::Ransomware).0, Fate::Lost);
    let declared = INSTANCE.replace("account = 'alice'", "append_only = true");
    assert_eq!(fate(&declared, both(), Loss::Ransomware).0, Fate::Perhaps);
    let mut locked = both();
    locked[1].append_only = Some(true);
    assert_eq!(
        fate(INSTANCE, locked.clone(), Loss::Ransomware),
        (Fate::Restored, from("offsite"), Some(14))
    );
    locked[1].append_only = Some(false);
    assert_eq!(
        fate(&declared, locked, Loss::Ransomware).0,
        Fate::Lost,
        "its own interface says otherwise"
    );
    // A stale copy counts for nothing, and still brings back an old state.
    let mut stale = both();
    stale[1].snapshots = Some(vec![snapshot(240, "/mnt")]);
    assert_eq!(
        fate(INSTANCE, stale, Loss::House),
        (Fate::Perhaps, from("offsite"), Some(240))
    );
    let mut down = both();
    down[1].snapshots = None;
    assert_eq!(fate(INSTANCE, down, Loss::House).0, Fate::NotKnown);
    let mut none = both();
    none[1].snapshots = Some(Vec::new());
    assert_eq!(fate(INSTANCE, none, Loss::House).0, Fate::Lost);
}

#[test]
fn its_json_is_the_record() {
    let survival = lab(PHOTOS, INSTANCE).survival(&seen(both()));
    let view: SurvivalView = serde_json::from_str(&survival.to_json()).expect("the record");
    assert_eq!(view, survival.view());
    assert_eq!((view.datasets[0].state.as_str(), view.losses.len()), ("meets", 6));
    assert_eq!(view.datasets[0].recovery_point.as_deref(), Some("36 h"));
}
