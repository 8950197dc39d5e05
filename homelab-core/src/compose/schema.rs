//! What each attribute of a Compose file may hold: one table for checking, casting and printing.
//!
//! The attributes and their types are those of the Compose Specification
//! (<https://github.com/compose-spec/compose-spec/blob/main/spec.md>) as Docker Compose 2.40 reads it.

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Anything.
    Any,
    /// A text.
    Text,
    /// A text or nothing.
    TextOrNull,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text in which one of these appears.
    Like(fn(&str) -> bool, &'static str),
    /// A boolean, or a text that is cast to one.
    Bool,
    /// The same, printed also when false.
    BoolOption,
    /// A boolean, no text.
    StrictBool,
    /// The same, printed also when false.
    StrictBoolOption,
    /// A boolean or a text that stays one.
    BoolOrText,
    /// An integer, or a text that is cast to one.
    Int,
    /// The same, printed also when zero.
    IntOption,
    /// An integer within these bounds, or a text that is cast to one.
    IntWithin(i64, i64),
    /// An integer or a number, or a text cast to an integer.
    NumberInt,
    /// A number, or a text that is cast to one; 32 bits wide.
    Number,
    /// An integer alone.
    StrictInt,
    /// A number alone.
    StrictNumber,
    /// An amount of bytes: an integer or a text such as `2g`.
    Bytes,
    /// An amount of bytes written as a text.
    BytesText,
    /// A length of time: `1m30s`.
    Duration,
    /// A file's permissions: a number or a text in octal.
    FileMode,
    /// A count of devices: an integer or `all`.
    DeviceCount,
    /// A list of texts, each once.
    TextList,
    /// A list of texts, not checked for repetition.
    LooseTextList,
    /// A list of texts or numbers, each once.
    ScalarList,
    /// A list of texts or integers, each once.
    IntOrTextList,
    /// A text or a list of texts.
    TextOrList,
    /// A mapping, or a list of `KEY=VALUE`: nothing is an empty text.
    Mapping,
    /// A mapping, or a list of `KEY=VALUE`: nothing stays nothing.
    Environment,
    /// A mapping to texts or numbers.
    Options,
    /// A mapping to texts, numbers or nothing.
    NullableOptions,
    /// A mapping to texts alone.
    TextDict,
    /// A mapping to scalars or lists of scalars.
    MultiOptions,
    /// Host names and addresses.
    ExtraHosts,
    /// A command: nothing, a text that is split as a shell splits it, or a list.
    Command,
    /// A health check's test: a text or a list.
    Test,
    /// A list of one shape.
    List(&'static Shape),
    /// A list of one shape, each once.
    UniqueList(&'static Shape),
    /// A mapping of keys that the file's author chooses, to one shape.
    Dict(Keys, &'static Shape),
    /// A mapping with known keys.
    Object(&'static Object),
    /// A mapping with known keys, or nothing.
    ObjectOrNull(&'static Object),
    /// The first of these whose kind of value it is.
    Either(&'static [Shape]),
}

/// Which keys an author may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Any at all.
    Any,
    /// Names; what is none is refused.
    Names,
    /// Names; what is none is let through unchecked.
    NamesOrUnchecked,
    /// Words of small letters; what is none is let through unchecked.
    WordsOrUnchecked,
}

impl Keys {
    /// Whether the value of this key is held against the shape.
    pub(super) fn takes(self, key: &str) -> bool {
        match self {
            Keys::Any => true,
            Keys::Names | Keys::NamesOrUnchecked => is_name(key),
            Keys::WordsOrUnchecked => !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase()),
        }
    }
}

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Object {
    /// The keys and what each may hold.
    pub(super) fields: &'static [(&'static str, Shape)],
    /// The keys that must be there.
    pub(super) required: &'static [&'static str],
    /// Whether keys that begin with `x-` are let through.
    pub(super) extensions: bool,
    /// Whether any other key is let through.
    pub(super) open: bool,
}

const fn object(fields: &'static [(&'static str, Shape)]) -> Object {
    Object {
        fields,
        required: &[],
        extensions: true,
        open: false,
    }
}

const fn closed(fields: &'static [(&'static str, Shape)], required: &'static [&'static str]) -> Object {
    Object {
        fields,
        required,
        extensions: false,
        open: false,
    }
}

const fn needing(fields: &'static [(&'static str, Shape)], required: &'static [&'static str]) -> Object {
    Object {
        fields,
        required,
        extensions: true,
        open: false,
    }
}

use Shape::{
    Any, Bool, BoolOption, BoolOrText, Bytes, BytesText, Command, DeviceCount, Dict, Duration, Either,
    Environment, ExtraHosts, FileMode, Int, IntOption, IntOrTextList, IntWithin, Like, List, LooseTextList,
    Mapping, MultiOptions, NullableOptions, Number, NumberInt, ObjectOrNull, Options, ScalarList, StrictBool,
    StrictBoolOption, StrictInt, StrictNumber, Test, Text, TextDict, TextList, TextOrList, TextOrNull,
    UniqueList, Word,
};

/// The whole file.
pub(super) static FILE: Object = object(&[
    ("configs", Dict(Keys::Names, &Shape::Object(&CONFIG))),
    ("include", List(&INCLUDE)),
    ("models", Dict(Keys::NamesOrUnchecked, &Shape::Object(&MODEL))),
    ("name", Text),
    ("networks", Dict(Keys::NamesOrUnchecked, &ObjectOrNull(&NETWORK))),
    ("secrets", Dict(Keys::Names, &Shape::Object(&SECRET))),
    ("services", Dict(Keys::Names, &Shape::Object(&SERVICE))),
    ("version", Text),
    ("volumes", Dict(Keys::Names, &ObjectOrNull(&VOLUME))),
]);

static INCLUDE: Shape = Either(&[
    Text,
    Shape::Object(&closed(
        &[
            ("env_file", TextOrList),
            ("path", TextOrList),
            ("project_directory", Text),
        ],
        &[],
    )),
]);

pub(super) static SERVICE: Object = object(&[
    ("annotations", Mapping),
    ("attach", BoolOption),
    ("blkio_config", Shape::Object(&BLKIO)),
    ("build", Either(&[Text, Shape::Object(&BUILD)])),
    ("cap_add", TextList),
    ("cap_drop", TextList),
    ("cgroup", Word(&["host", "private"])),
    ("cgroup_parent", Text),
    ("command", Command),
    ("configs", List(&FILE_MOUNT)),
    (
        "container_name",
        Like(
            is_container_name,
            "a letter or digit, then letters, digits, `_`, `.` and `-`",
        ),
    ),
    ("cpu_count", IntWithin(0, i64::MAX)),
    ("cpu_percent", IntWithin(0, 100)),
    ("cpu_period", NumberInt),
    ("cpu_quota", NumberInt),
    ("cpu_rt_period", NumberInt),
    ("cpu_rt_runtime", NumberInt),
    ("cpu_shares", NumberInt),
    ("cpus", Number),
    ("cpuset", Text),
    ("credential_spec", Shape::Object(&CREDENTIAL_SPEC)),
    (
        "depends_on",
        Either(&[TextList, Dict(Keys::Names, &Shape::Object(&DEPENDENCY))]),
    ),
    ("deploy", ObjectOrNull(&DEPLOY)),
    ("develop", ObjectOrNull(&DEVELOP)),
    ("device_cgroup_rules", TextList),
    ("devices", List(&DEVICE)),
    ("dns", TextOrList),
    ("dns_opt", TextList),
    ("dns_search", TextOrList),
    ("domainname", Text),
    ("entrypoint", Command),
    ("env_file", Either(&[Text, List(&ENV_FILE)])),
    ("environment", Environment),
    ("expose", IntOrTextList),
    ("extends", Either(&[Text, Shape::Object(&EXTENDS)])),
    ("external_links", TextList),
    ("extra_hosts", ExtraHosts),
    ("gpus", Either(&[Word(&["all"]), List(&Shape::Object(&GPU))])),
    ("group_add", ScalarList),
    ("healthcheck", Shape::Object(&HEALTHCHECK)),
    ("hostname", Text),
    ("image", Text),
    ("init", BoolOption),
    ("ipc", Text),
    ("isolation", Text),
    ("label_file", Either(&[Text, LooseTextList])),
    ("labels", Mapping),
    ("links", TextList),
    ("logging", Shape::Object(&LOGGING)),
    ("mac_address", Text),
    ("mem_limit", Bytes),
    ("mem_reservation", Bytes),
    ("mem_swappiness", Bytes),
    ("memswap_limit", Bytes),
    (
        "models",
        Either(&[
            TextList,
            Dict(Keys::NamesOrUnchecked, &ObjectOrNull(&SERVICE_MODEL)),
        ]),
    ),
    ("network_mode", Text),
    (
        "networks",
        Either(&[TextList, Dict(Keys::Names, &ObjectOrNull(&ATTACHMENT))]),
    ),
    ("oom_kill_disable", Bool),
    ("oom_score_adj", IntWithin(-1000, 1000)),
    ("pid", TextOrNull),
    ("pids_limit", NumberInt),
    ("platform", Text),
    ("ports", UniqueList(&PORT)),
    ("post_start", List(&Shape::Object(&HOOK))),
    ("pre_stop", List(&Shape::Object(&HOOK))),
    ("privileged", Bool),
    ("profiles", TextList),
    ("provider", Shape::Object(&PROVIDER)),
    (
        "pull_policy",
        Like(
            is_pull_policy,
            "`always`, `never`, `missing`, `build`, `daily`, `weekly` or `every_12h`",
        ),
    ),
    ("pull_refresh_after", Text),
    ("read_only", Bool),
    ("restart", Text),
    ("runtime", Text),
    ("scale", IntOption),
    ("secrets", List(&FILE_MOUNT)),
    ("security_opt", TextList),
    ("shm_size", Bytes),
    ("stdin_open", Bool),
    ("stop_grace_period", Duration),
    ("stop_signal", Text),
    ("storage_opt", Dict(Keys::Any, &Any)),
    ("sysctls", Mapping),
    ("tmpfs", TextOrList),
    ("tty", Bool),
    ("ulimits", Dict(Keys::WordsOrUnchecked, &ULIMIT)),
    ("use_api_socket", StrictBool),
    ("user", Text),
    ("userns_mode", Text),
    ("uts", Text),
    ("volumes", UniqueList(&VOLUME_MOUNT)),
    ("volumes_from", TextList),
    ("working_dir", Text),
]);

static BUILD: Object = object(&[
    ("additional_contexts", Mapping),
    ("args", Environment),
    ("cache_from", LooseTextList),
    ("cache_to", LooseTextList),
    ("context", Text),
    ("dockerfile", Text),
    ("dockerfile_inline", Text),
    ("entitlements", LooseTextList),
    ("extra_hosts", ExtraHosts),
    ("isolation", Text),
    ("labels", Mapping),
    ("network", Text),
    ("no_cache", Bool),
    ("platforms", LooseTextList),
    ("privileged", Bool),
    ("provenance", BoolOrText),
    ("pull", Bool),
    ("sbom", BoolOrText),
    ("secrets", List(&FILE_MOUNT)),
    ("shm_size", Bytes),
    ("ssh", Mapping),
    ("tags", LooseTextList),
    ("target", Text),
    ("ulimits", Dict(Keys::WordsOrUnchecked, &ULIMIT)),
]);

static BLKIO: Object = closed(
    &[
        ("device_read_bps", List(&BLKIO_RATE)),
        ("device_read_iops", List(&BLKIO_RATE)),
        ("device_write_bps", List(&BLKIO_RATE)),
        ("device_write_iops", List(&BLKIO_RATE)),
        ("weight", Int),
        ("weight_device", List(&BLKIO_WEIGHT)),
    ],
    &[],
);
static BLKIO_RATE: Shape = Shape::Object(&closed(&[("path", Text), ("rate", Bytes)], &[]));
static BLKIO_WEIGHT: Shape = Shape::Object(&closed(&[("path", Text), ("weight", Int)], &[]));

static CREDENTIAL_SPEC: Object = object(&[("config", Text), ("file", Text), ("registry", Text)]);

static DEPENDENCY: Object = needing(
    &[
        (
            "condition",
            Word(&[
                "service_started",
                "service_healthy",
                "service_completed_successfully",
            ]),
        ),
        ("required", StrictBoolOption),
        ("restart", Bool),
    ],
    &["condition"],
);

static DEPLOY: Object = object(&[
    ("endpoint_mode", Text),
    ("labels", Mapping),
    ("mode", Text),
    ("placement", Shape::Object(&PLACEMENT)),
    ("replicas", IntOption),
    ("resources", Shape::Object(&RESOURCES)),
    ("restart_policy", Shape::Object(&DEPLOY_RESTART)),
    ("rollback_config", Shape::Object(&UPDATE_CONFIG)),
    ("update_config", Shape::Object(&UPDATE_CONFIG)),
]);
static PLACEMENT: Object = object(&[
    ("constraints", LooseTextList),
    ("max_replicas_per_node", Int),
    ("preferences", List(&Shape::Object(&object(&[("spread", Text)])))),
]);
static RESOURCES: Object = object(&[
    (
        "limits",
        Shape::Object(&object(&[("cpus", Number), ("memory", BytesText), ("pids", Int)])),
    ),
    (
        "reservations",
        Shape::Object(&object(&[
            ("cpus", Number),
            ("devices", List(&Shape::Object(&RESERVED_DEVICE))),
            ("generic_resources", List(&GENERIC_RESOURCE)),
            ("memory", BytesText),
        ])),
    ),
]);
static GENERIC_RESOURCE: Shape = Shape::Object(&object(&[(
    "discrete_resource_spec",
    Shape::Object(&object(&[("kind", Text), ("value", Number)])),
)]));
static RESERVED_DEVICE: Object = needing(
    &[
        ("capabilities", TextList),
        ("count", DeviceCount),
        ("device_ids", TextList),
        ("driver", Text),
        ("options", Mapping),
    ],
    &["capabilities"],
);
static GPU: Object = Object {
    fields: &[
        ("capabilities", TextList),
        ("count", DeviceCount),
        ("device_ids", TextList),
        ("driver", Text),
        ("options", Mapping),
    ],
    required: &[],
    extensions: true,
    open: true,
};
static DEPLOY_RESTART: Object = object(&[
    ("condition", Text),
    ("delay", Duration),
    ("max_attempts", IntOption),
    ("window", Duration),
]);
static UPDATE_CONFIG: Object = object(&[
    ("delay", Duration),
    ("failure_action", Text),
    ("max_failure_ratio", Number),
    ("monitor", Duration),
    ("order", Word(&["start-first", "stop-first"])),
    ("parallelism", IntOption),
]);

static DEVELOP: Object = object(&[("watch", List(&Shape::Object(&WATCH)))]);
static WATCH: Object = needing(
    &[
        (
            "action",
            Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
        ),
        ("exec", Shape::Object(&HOOK)),
        ("ignore", TextOrList),
        ("include", TextOrList),
        ("initial_sync", StrictBool),
        ("path", Text),
        ("target", Text),
    ],
    &["path", "action"],
);
static HOOK: Object = needing(
    &[
        ("command", Command),
        ("environment", Environment),
        ("privileged", Bool),
        ("user", Text),
        ("working_dir", Text),
    ],
    &["command"],
);

static DEVICE: Shape = Either(&[
    Text,
    Shape::Object(&needing(
        &[("permissions", Text), ("source", Text), ("target", Text)],
        &["source"],
    )),
]);
static ENV_FILE: Shape = Either(&[
    Text,
    Shape::Object(&closed(
        &[("format", Text), ("path", Text), ("required", Bool)],
        &["path"],
    )),
]);
static EXTENDS: Object = closed(&[("file", Text), ("service", Text)], &["service"]);
static FILE_MOUNT: Shape = Either(&[
    Text,
    Shape::Object(&object(&[
        ("gid", Text),
        ("mode", FileMode),
        ("source", Text),
        ("target", Text),
        ("uid", Text),
    ])),
]);
static HEALTHCHECK: Object = object(&[
    ("disable", Bool),
    ("interval", Duration),
    ("retries", IntOption),
    ("start_interval", Duration),
    ("start_period", Duration),
    ("test", Test),
    ("timeout", Duration),
]);
static LOGGING: Object = object(&[("driver", Text), ("options", NullableOptions)]);
static SERVICE_MODEL: Object = object(&[("endpoint_var", Text), ("model_var", Text)]);
static ATTACHMENT: Object = object(&[
    ("aliases", TextList),
    ("driver_opts", Options),
    ("gw_priority", StrictNumber),
    ("interface_name", Text),
    ("ipv4_address", Text),
    ("ipv6_address", Text),
    ("link_local_ips", TextList),
    ("mac_address", Text),
    ("priority", StrictNumber),
]);
pub(super) static PORT: Shape = Either(&[
    StrictNumber,
    Text,
    Shape::Object(&object(&[
        ("app_protocol", Text),
        ("host_ip", Text),
        ("mode", Text),
        ("name", Text),
        ("protocol", Text),
        ("published", Either(&[Text, StrictInt])),
        ("target", Int),
    ])),
]);
static PROVIDER: Object = needing(&[("options", MultiOptions), ("type", Text)], &["type"]);
static ULIMIT: Shape = Either(&[
    Shape::Object(&needing(&[("hard", Int), ("soft", Int)], &["soft", "hard"])),
    IntOption,
]);
static VOLUME_MOUNT: Shape = Either(&[
    Text,
    Shape::Object(&needing(
        &[
            (
                "bind",
                Shape::Object(&object(&[
                    ("create_host_path", Bool),
                    ("propagation", Text),
                    (
                        "recursive",
                        Word(&["enabled", "disabled", "writable", "readonly"]),
                    ),
                    ("selinux", Word(&["z", "Z"])),
                ])),
            ),
            ("consistency", Text),
            ("image", Shape::Object(&object(&[("subpath", Text)]))),
            ("read_only", Bool),
            ("source", Text),
            ("target", Text),
            (
                "tmpfs",
                Shape::Object(&object(&[("mode", StrictNumber), ("size", Bytes)])),
            ),
            (
                "type",
                Word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]),
            ),
            (
                "volume",
                Shape::Object(&object(&[
                    ("labels", Mapping),
                    ("nocopy", Bool),
                    ("subpath", Text),
                ])),
            ),
        ],
        &["type"],
    )),
]);

static MODEL: Object = needing(
    &[
        ("context_size", StrictInt),
        ("model", Text),
        ("name", Text),
        ("runtime_flags", LooseTextList),
    ],
    &["model"],
);

static EXTERNAL: Shape = Either(&[Shape::Object(&object(&[("name", Text)])), Bool]);
static LOOSE_EXTERNAL: Shape = Either(&[
    Shape::Object(&Object {
        fields: &[("name", Text)],
        required: &[],
        extensions: true,
        open: true,
    }),
    Bool,
]);
static NETWORK: Object = object(&[
    ("attachable", Bool),
    ("driver", Text),
    ("driver_opts", Options),
    ("enable_ipv4", BoolOption),
    ("enable_ipv6", BoolOption),
    ("external", EXTERNAL),
    ("internal", Bool),
    (
        "ipam",
        Shape::Object(&object(&[
            (
                "config",
                List(&Shape::Object(&object(&[
                    ("aux_addresses", TextDict),
                    ("gateway", Text),
                    ("ip_range", Text),
                    ("subnet", Text),
                ]))),
            ),
            ("driver", Text),
            ("options", TextDict),
        ])),
    ),
    ("labels", Mapping),
    ("name", Text),
]);
static VOLUME: Object = object(&[
    ("driver", Text),
    ("driver_opts", Options),
    ("external", EXTERNAL),
    ("labels", Mapping),
    ("name", Text),
]);
static SECRET: Object = object(&[
    ("driver", Text),
    ("driver_opts", Options),
    ("environment", Text),
    ("external", LOOSE_EXTERNAL),
    ("file", Text),
    ("labels", Mapping),
    ("name", Text),
    ("template_driver", Text),
]);
static CONFIG: Object = object(&[
    ("content", Text),
    ("environment", Text),
    ("external", LOOSE_EXTERNAL),
    ("file", Text),
    ("labels", Mapping),
    ("name", Text),
    ("template_driver", Text),
]);

impl Object {
    /// What the key may hold; nothing when it is not known.
    pub(super) fn field(&self, key: &str) -> Option<&'static Shape> {
        self.fields
            .binary_search_by(|(name, _)| (*name).cmp(key))
            .ok()
            .map(|at| &self.fields[at].1)
    }
}

/// A name with a stretch of two or more fitting characters in it, which is what Compose looks for.
fn is_container_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric() && (pair[1].is_ascii_alphanumeric() || b"_.-".contains(&pair[1]))
    })
}

fn is_pull_policy(text: &str) -> bool {
    [
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ]
    .iter()
    .any(|word| text.contains(word))
        || text.match_indices("every_").any(|(at, word)| {
            let rest = &text[at + word.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
        })
}

/// A name of a service, network or volume: `^[a-zA-Z0-9._-]+$`.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(object: &'static Object, check: &mut dyn FnMut(&'static Object)) {
        check(object);
        for (_, shape) in object.fields {
            each_shape(shape, check);
        }
    }

    fn each_shape(shape: &'static Shape, check: &mut dyn FnMut(&'static Object)) {
        match shape {
            Shape::Object(object) | Shape::ObjectOrNull(object) => each(object, check),
            Shape::List(shape) | Shape::UniqueList(shape) | Shape::Dict(_, shape) => each_shape(shape, check),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| each_shape(shape, check)),
            _ => {}
        }
    }

    #[test]
    fn keys_stand_in_order_so_that_they_can_be_searched() {
        each(&FILE, &mut |object| {
            let sorted = object.fields.windows(2).all(|pair| pair[0].0 < pair[1].0);
            assert!(sorted, "{:?}", object.fields[0].0);
            for key in object.required {
                assert!(object.field(key).is_some(), "{key}");
            }
        });
    }

    #[test]
    fn patterns_are_searched_for_not_matched_whole() {
        assert!(is_container_name("ab"));
        assert!(is_container_name("/ab"));
        assert!(!is_container_name("a"));
        assert!(is_pull_policy("every_12h"));
        assert!(!is_pull_policy("every_h"));
        assert!(!is_pull_policy("sometimes"));
    }
}
