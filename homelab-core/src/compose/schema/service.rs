//! What a service may hold, and what is in it.

use super::Shape::{
    Bool, BoolOption, BoolOrText, Bytes, BytesText, Command, DeviceCount, Dict, Duration, Either,
    Environment, ExtraHosts, FileMode, Int, IntOption, IntOrTextList, IntWithin, Like, List, LooseTextList,
    Mapping, MultiOptions, NullableOptions, Number, NumberInt, ObjectOrNull, Options, ScalarList, StrictBool,
    StrictBoolOption, StrictInt, StrictNumber, Test, Text, TextList, TextOrList, TextOrNull, UniqueList,
    Word,
};
use super::{Keys, Object, Shape, closed, is_container_name, is_pull_policy, needing, object};

pub(in crate::compose) static SERVICE: Object = object(&[
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
    ("storage_opt", Shape::IntOptions),
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
    open: true,
    ..object(&[
        ("capabilities", TextList),
        ("count", DeviceCount),
        ("device_ids", TextList),
        ("driver", Text),
        ("options", Mapping),
    ])
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
pub(in crate::compose) static PORT: Shape = Either(&[
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
