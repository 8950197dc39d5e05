//! The records that a [`System`](super::System) is made of: plain data, as written in TOML.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
        pub enum $type {
            $($(#[$case_doc])* #[serde(rename = $word)] $case,)+
        }

        impl $type {
            /// Every case, in the order of their declaration.
            pub const ALL: &[$type] = &[$($type::$case,)+];

            /// Returns the word for it, as it is written in TOML.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($type::$case => $word,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// What an application is for.
    Category {
        /// Language models and what runs them.
        Ai = "ai",
        /// Visits and events counted.
        Analytics = "analytics",
        /// Does things by itself: workflows, smart homes.
        Automation = "automation",
        /// Makes or keeps copies.
        Backup = "backup",
        /// An operating system or language alone: says nothing of what runs in it.
        Base = "base",
        /// Bookmarks, read-later lists, feeds.
        Bookmarks = "bookmarks",
        /// Keeps what can be made again: Redis, Memcached.
        Cache = "cache",
        /// Messages and calls between people.
        Chat = "chat",
        /// Builds and tests.
        Ci = "ci",
        /// Websites and shops.
        Cms = "cms",
        /// A page that links to the others.
        Dashboard = "dashboard",
        /// A database server.
        Database = "database",
        /// A page to look into databases.
        DatabaseAdmin = "database_admin",
        /// What developers use.
        Development = "development",
        /// Name service.
        Dns = "dns",
        /// Tells a public name server the home's address.
        DynamicDns = "dynamic_dns",
        /// Scanned and written documents.
        Documents = "documents",
        /// Fetches from the internet.
        Download = "download",
        /// Files shared and synchronised.
        Files = "files",
        /// Money.
        Finance = "finance",
        /// Servers of games.
        Games = "games",
        /// Source code.
        Git = "git",
        /// A system that hosts: TrueNAS, Unraid, k3s.
        Host = "host",
        /// Who somebody is: single sign-on, forward authentication.
        Identity = "identity",
        /// Logs collected.
        Logging = "logging",
        /// Mail sent and received.
        Mail = "mail",
        /// Runs and shows containers.
        Management = "management",
        /// Answers the Model Context Protocol.
        Mcp = "mcp",
        /// Films, series, music, books.
        Media = "media",
        /// Watches the others.
        Monitoring = "monitoring",
        /// Notes.
        Notes = "notes",
        /// Tells people.
        Notification = "notification",
        /// Objects by S3's interface.
        ObjectStorage = "object_storage",
        /// Passwords.
        Passwords = "passwords",
        /// Photos.
        Photos = "photos",
        /// Tasks, recipes, stock, time and the like.
        Productivity = "productivity",
        /// Passes requests on to other services.
        Proxy = "proxy",
        /// Messages between programs.
        Queue = "queue",
        /// Container images.
        Registry = "registry",
        /// A desktop or terminal from afar.
        RemoteDesktop = "remote_desktop",
        /// Searches.
        Search = "search",
        /// Secrets of programs.
        Secrets = "secrets",
        /// Stands between the engine's socket and those who use it.
        SocketProxy = "socket_proxy",
        /// Joins a tailnet, or serves to one.
        Tailnet = "tailnet",
        /// Answers tests.
        Test = "test",
        /// Carries requests in from elsewhere, with no port open.
        Tunnel = "tunnel",
        /// Replaces containers by newer ones, or says that it could.
        Updater = "updater",
        /// Other tools.
        Utility = "utility",
        /// A virtual private network.
        Vpn = "vpn",
        /// Serves files and pages.
        WebServer = "web_server",
        /// Anything else.
        Other = "other",
    }
);

impl Category {
    /// Returns whether others keep their data in it: a database server, or a cache.
    pub fn is_store(self) -> bool {
        matches!(self, Category::Database | Category::Cache)
    }

    /// Returns whether it lets others in from outside, so that its own reach says too little.
    pub fn is_way_in(self) -> bool {
        matches!(
            self,
            Category::Proxy | Category::Tunnel | Category::Tailnet | Category::Vpn
        )
    }
}

words!(
    /// How a port is spoken to.
    Transport {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
);

words!(
    /// What a port is for.
    PortRole {
        /// Pages and the interface that people's programs use.
        Web = "web",
        /// Administration.
        Admin = "admin",
        /// An interface for programs.
        Api = "api",
        /// Numbers for a monitoring system.
        Metrics = "metrics",
        /// A database's own protocol.
        Database = "database",
        /// Name service.
        Dns = "dns",
        /// Mail.
        Mail = "mail",
        /// A secure shell.
        Ssh = "ssh",
        /// A virtual private network.
        Vpn = "vpn",
        /// Between instances of the same application, or with its peers.
        Peer = "peer",
        /// Sound, pictures, discovery, and other protocols of its own.
        Media = "media",
        /// Messages of machines: MQTT, AMQP, syslog.
        Messages = "messages",
    }
);

words!(
    /// Who a port lets in.
    Authentication {
        /// Whoever has an account or a key.
        Own = "own",
        /// As `own`, but of a fresh instance the first visitor becomes the owner.
        FirstVisitor = "first_visitor",
        /// Everybody, unless it is configured otherwise.
        Optional = "optional",
        /// Everybody: it has none of its own.
        None = "none",
        /// Not looked up.
        Unknown = "unknown",
    }
);

words!(
    /// What data is worth.
    Class {
        /// Nobody can make it again: photos, passwords, notes.
        Irreplaceable = "irreplaceable",
        /// It could be made again, with much work: configuration, accounts, history.
        Important = "important",
        /// It can be fetched or computed again.
        Reproducible = "reproducible",
        /// It is made again by itself.
        Cache = "cache",
    }
);

words!(
    /// How data lies in a path: what decides whether copying it while it is in use gives a good copy.
    Store {
        /// Files, each written at once: a copy is good.
        Files = "files",
        /// SQLite: its own backup, or a copy while the application is stopped.
        Sqlite = "sqlite",
        /// PostgreSQL.
        Postgres = "postgres",
        /// MariaDB.
        Mariadb = "mariadb",
        /// MySQL.
        Mysql = "mysql",
        /// MongoDB.
        Mongodb = "mongodb",
        /// Redis, Valkey or another that speaks their protocol.
        Redis = "redis",
        /// Memcached: memory only.
        Memcached = "memcached",
        /// CouchDB.
        Couchdb = "couchdb",
        /// InfluxDB.
        Influxdb = "influxdb",
        /// ClickHouse.
        Clickhouse = "clickhouse",
        /// Cassandra or ScyllaDB.
        Cassandra = "cassandra",
        /// Microsoft SQL Server.
        Mssql = "mssql",
        /// Elasticsearch, OpenSearch, Solr, Meilisearch, Typesense: an index.
        Search = "search",
        /// A database of vectors.
        Vector = "vector",
        /// A time series database of a monitoring system.
        TimeSeries = "time_series",
        /// A message queue.
        Queue = "queue",
        /// A database inside the application that is none of the above (BoltDB, LevelDB, H2, MVStore): stop it first.
        Embedded = "embedded",
    }
);

impl Store {
    /// Returns whether a copy made while the application writes may be worthless.
    pub fn needs_care(self) -> bool {
        !matches!(self, Store::Files | Store::Memcached)
    }
}

words!(
    /// What an application does with the engine's socket. Whoever may write to it is root on the host.
    SocketUse {
        /// Looks only: a proxy that lets GET through is enough.
        Read = "read",
        /// Starts, stops or replaces containers.
        Manage = "manage",
    }
);

/// A port inside the container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// How it is spoken to.
    #[serde(default = "tcp")]
    pub transport: Transport,
    /// What it is for.
    pub role: PortRole,
    /// Who it lets in.
    #[serde(default = "unknown_authentication")]
    pub auth: Authentication,
    /// Whether nobody outside the lab should ever reach it, even where a policy allows the internet.
    #[serde(default)]
    pub never_public: bool,
    /// Whether few other applications use it, so that it helps to recognise this one.
    #[serde(default)]
    pub well_known: bool,
    /// Whether it speaks TLS itself.
    #[serde(default)]
    pub tls: bool,
}

fn tcp() -> Transport {
    Transport::Tcp
}

fn unknown_authentication() -> Authentication {
    Authentication::Unknown
}

/// Settings with which a port asks nobody for a password, though it could: all that is said here must be so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenWhen {
    /// The port.
    pub port: u16,
    /// Environment variables that have these values, whatever their case.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Environment variables that are not there at all.
    #[serde(default)]
    pub unset: Vec<String>,
    /// What one of the command's words is, without its quotes and leading dashes; or what two of them are, one blank between.
    #[serde(default)]
    pub says: Vec<String>,
    /// What none of the command's words is or begins with, leading dashes included.
    #[serde(default)]
    pub says_not: Vec<String>,
    /// What the image's tag begins with, one of these.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Files and folders of settings in the container, at and below which nothing is mounted.
    #[serde(default)]
    pub unmounted: Vec<String>,
}

/// A question over HTTP that the application answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The path, from `/`.
    pub path: String,
    /// The port, where it is not that of the web pages.
    pub port: Option<u16>,
    /// Where the answer stands in its JSON, as a JSON pointer: `/version`.
    pub pointer: Option<String>,
    /// Whether it asks for a key or an account.
    #[serde(default)]
    pub auth: bool,
    /// What must be set for it to answer: a switch of the application.
    pub needs: Option<String>,
}

/// A path inside the container that holds data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The path.
    pub path: String,
    /// What it is worth.
    pub class: Class,
    /// How it lies there.
    #[serde(default = "files")]
    pub store: Store,
    /// What it is, where the path does not say.
    pub what: Option<String>,
}

fn files() -> Store {
    Store::Files
}

/// The databases of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Databases {
    /// Those inside its own container.
    pub inside: Vec<Store>,
    /// Those that it needs beside it.
    pub needs: Vec<Store>,
    /// Those that it can use in place of its own.
    pub can_use: Vec<Store>,
}

/// A path of the web pages that is for administrators only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminPath {
    /// The path, from `/`: everything below it too.
    pub path: String,
    /// Why.
    pub why: String,
}

/// One step of capturing an application's data.
///
/// Programs are lists of words, run with no shell and no terminal inside the container. `${NAME}` and
/// `${NAME:-default}` stand for the container's own environment, the default may again hold such a variable, and where
/// the image reads `NAME_FILE`, so does this. A password is given by `environment` or `input`, never as a word, where
/// other programs would see it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum CaptureStep {
    /// Puts the application into a state in which nothing changes, until the last step is done.
    Maintenance {
        /// The program that begins it.
        on: Vec<String>,
        /// The program that ends it; run whatever happened.
        off: Vec<String>,
        /// The user that runs both.
        user: Option<String>,
    },
    /// Stops the container until the last step is done. For what cannot be copied while it writes.
    Stop {},
    /// Captures the databases that the application uses beside it, each by its own recipe, at this place in the order.
    Database {},
    /// Runs a program whose output is the copy.
    Dump {
        /// The program.
        run: Vec<String>,
        /// The user that runs it.
        user: Option<String>,
        /// Environment for this program only.
        #[serde(default)]
        environment: BTreeMap<String, String>,
        /// What it reads from its standard input: a password that it asks for.
        input: Option<String>,
        /// The path inside the container where the copy lies afterwards; absent: it is the standard output.
        output: Option<String>,
        /// What the last lines of a whole dump hold; one without it was cut off.
        end_mark: Option<String>,
        /// The program that reads the dump back from its standard input, into an empty server.
        #[serde(default)]
        load: Vec<String>,
    },
    /// Copies paths of the container.
    Copy {
        /// The paths.
        paths: Vec<String>,
    },
    /// Something that a person must do, or must have done once.
    Person {
        /// What.
        what: String,
    },
}
