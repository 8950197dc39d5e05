//! What networks, volumes, configs, secrets and models may hold.

use super::Shape::{
    Bool, BoolOption, Either, List, LooseTextList, Mapping, Options, StrictInt, Text, TextDict,
};
use super::{Object, Shape, needing, object};

pub(super) static MODEL: Object = needing(
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
        open: true,
        ..object(&[("name", Text)])
    }),
    Bool,
]);
pub(super) static NETWORK: Object = object(&[
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
pub(super) static VOLUME: Object = object(&[
    ("driver", Text),
    ("driver_opts", Options),
    ("external", EXTERNAL),
    ("labels", Mapping),
    ("name", Text),
]);
pub(super) static SECRET: Object = object(&[
    ("driver", Text),
    ("driver_opts", Options),
    ("environment", Text),
    ("external", LOOSE_EXTERNAL),
    ("file", Text),
    ("labels", Mapping),
    ("name", Text),
    ("template_driver", Text),
]);
pub(super) static CONFIG: Object = object(&[
    ("content", Text),
    ("environment", Text),
    ("external", LOOSE_EXTERNAL),
    ("file", Text),
    ("labels", Mapping),
    ("name", Text),
    ("template_driver", Text),
]);
