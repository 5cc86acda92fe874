//! Parses and formats Redis store strings: `redis://`, `redis+unix://`, `redis+cluster://`,
//! `redis+sentinel://`, and the TLS forms, which begin with `rediss`.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};

use super::config::{
    KeyPrefix, ReadFrom, RedisAddress, RedisConfig, RedisLogin, RedisSentinels, RedisServers, RedisTls,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Backend;
use crate::store::options::{self, GivenOptions, RESERVED};

/// Options of every form.
const PREFIX: &[&str] = &["prefix", "raw_prefix"];
const TIMEOUTS: &[&str] = &["connect_timeout", "response_timeout"];
const TLS: &[&str] = &["ca_file", "cert_file", "key_file", "server_name"];
/// Options of the forms with replicas.
const REPLICAS: &[&str] = &["read_from"];
const SENTINELS: &[&str] = &["sentinel_user", "sentinel_password"];
/// Options that a store string expresses outside its query.
const NAMED: &[&str] = &["username", "password", "database", "tls"];
/// A Unix socket has no TLS.
const NAMED_WITHOUT_TLS: &[&str] = &["username", "password", "database"];

impl RedisConfig {
    /// The schemes, the forms of their store strings, and their options.
    pub(in crate::store) const BACKENDS: &'static [Backend] = &[
        Backend {
            scheme: "redis",
            form: "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]",
            option_lists: &[PREFIX, TIMEOUTS],
            named_options: NAMED,
        },
        Backend {
            scheme: "rediss",
            form: "rediss://[USER:PASSWORD@]HOST[:PORT][/DATABASE]",
            option_lists: &[PREFIX, TIMEOUTS, TLS],
            named_options: NAMED,
        },
        Backend {
            scheme: "redis+unix",
            form: "redis+unix://[USER:PASSWORD@]/PATH",
            option_lists: &[&["db"], PREFIX, TIMEOUTS],
            named_options: NAMED_WITHOUT_TLS,
        },
        Backend {
            scheme: "redis+cluster",
            form: "redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…",
            option_lists: &[PREFIX, REPLICAS, TIMEOUTS],
            named_options: NAMED,
        },
        Backend {
            scheme: "rediss+cluster",
            form: "rediss+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…",
            option_lists: &[PREFIX, REPLICAS, TIMEOUTS, TLS],
            named_options: NAMED,
        },
        Backend {
            scheme: "redis+sentinel",
            form: "redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]",
            option_lists: &[PREFIX, REPLICAS, SENTINELS, TIMEOUTS],
            named_options: NAMED,
        },
        Backend {
            scheme: "rediss+sentinel",
            form: "rediss+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]",
            option_lists: &[PREFIX, REPLICAS, SENTINELS, TIMEOUTS, TLS],
            named_options: NAMED,
        },
    ];

    /// Parses a store string: `rest` is the part between the colon of the scheme and the options.
    /// The caller has checked the names of the options.
    pub(in crate::store) fn parse(scheme: &str, rest: &str, options: &GivenOptions) -> Result<Self> {
        let (mut config, database) =
            Self::parse_location(scheme, rest).map_err(|message| invalid(scheme, message))?;
        config.set_database(database, options).map_err(|message| invalid(scheme, &message))?;
        config.set_options(options).map_err(|message| invalid(scheme, &message))?;
        Ok(config)
    }

    /// Parses the part between the scheme and the options. Returns the number of the database, too,
    /// if there is one.
    fn parse_location(scheme: &str, rest: &str) -> Result<(Self, Option<u64>), &'static str> {
        let (transport, form) = scheme.split_once('+').unwrap_or((scheme, ""));
        let location =
            rest.strip_prefix("//").ok_or("// must follow the scheme's colon, as in redis://localhost")?;
        let (authority, path) = location.split_once('/').map_or((location, None), |(a, p)| (a, Some(p)));
        if form != "unix" && path.is_some_and(|path| path.contains('@')) {
            return Err("a / in a user or password must be written %2F");
        }
        let (login, hosts) = authority.rsplit_once('@').map_or((None, authority), |(l, h)| (Some(l), h));
        let mut database = path.filter(|path| form != "unix" && !path.is_empty());
        let servers = match form {
            "unix" => RedisServers::One(parse_socket(hosts, path)?),
            "cluster" => RedisServers::Cluster(parse_hosts(hosts, Self::DEFAULT_PORT)?),
            "sentinel" => {
                let addresses = parse_hosts(hosts, Self::DEFAULT_SENTINEL_PORT)?;
                let path = path.unwrap_or_default();
                let (master, number) = path.split_once('/').map_or((path, None), |(m, n)| (m, Some(n)));
                database = number.filter(|number| !number.is_empty());
                let master = parse_master(master)?;
                RedisServers::Sentinel(RedisSentinels { addresses, master, login: RedisLogin::default() })
            }
            _ => RedisServers::One(parse_host(hosts, Self::DEFAULT_PORT)?),
        };
        let mut config = Self::new(servers);
        config.login = login.map(parse_login).transpose()?.unwrap_or_default();
        if transport == "rediss" {
            config.tls = Some(RedisTls::default());
        }
        let database = database.map(|number| number.parse().map_err(|_| NOT_A_DATABASE)).transpose()?;
        Ok((config, database))
    }

    fn set_database(&mut self, in_location: Option<u64>, options: &GivenOptions) -> Result<(), String> {
        let given = [in_location, options.integer("db", "0")?, options.integer("database", "0")?];
        let mut given = given.into_iter().flatten();
        let number = given.next().unwrap_or(0);
        if given.next().is_some() {
            return Err("database is given twice".to_owned());
        }
        // Redis numbers databases with 31 bits.
        let number = u32::try_from(number).ok().filter(|number| *number <= i32::MAX as u32);
        self.database = number.ok_or(NOT_A_DATABASE)?;
        if self.database != 0 && matches!(self.servers, RedisServers::Cluster(_)) {
            return Err("a cluster has no databases but 0".to_owned());
        }
        Ok(())
    }

    fn set_options(&mut self, options: &GivenOptions) -> Result<(), String> {
        self.prefix = match (options.text("prefix")?, options.text("raw_prefix")?) {
            (Some(_), Some(_)) => return Err("prefix and raw_prefix exclude each other".to_owned()),
            (Some(prefix), None) => KeyPrefix::Named(prefix),
            (None, Some(prefix)) => KeyPrefix::Raw(prefix),
            (None, None) => KeyPrefix::default(),
        };
        self.read_from = match options.text("read_from")?.as_deref() {
            None | Some("master") => ReadFrom::Master,
            Some("replica") => ReadFrom::Replica,
            Some(_) => return Err("read_from must be master or replica".to_owned()),
        };
        self.login.add(options, "username", "password")?;
        if let RedisServers::Sentinel(sentinels) = &mut self.servers {
            sentinels.login.add(options, "sentinel_user", "sentinel_password")?;
        }
        if let Some(timeout) = options.timeout("connect_timeout", Self::MAX_TIMEOUT)? {
            self.connect_timeout = timeout;
        }
        if let Some(timeout) = options.timeout("response_timeout", Self::MAX_TIMEOUT)? {
            self.response_timeout = timeout;
        }
        let Some(tls) = &mut self.tls else { return Ok(()) };
        tls.ca_file = options.text("ca_file")?.map(PathBuf::from);
        tls.server_name = options.text("server_name")?;
        tls.client = match (options.text("cert_file")?, options.text("key_file")?) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some(_), None) => return Err("cert_file needs a key_file".to_owned()),
            (None, Some(_)) => return Err("key_file needs a cert_file".to_owned()),
        };
        Ok(())
    }
}

const NOT_A_DATABASE: &str = "the database is not a number, such as 0";

impl RedisLogin {
    /// Adds the login of the options to that of the store string.
    fn add(
        &mut self,
        options: &GivenOptions,
        user_option: &str,
        password_option: &str,
    ) -> Result<(), String> {
        for (name, part) in [(user_option, &mut self.user), (password_option, &mut self.password)] {
            let given = options.text(name)?;
            if given.is_some() && part.is_some() {
                return Err(format!("{name} is given twice, in the store string and as an option"));
            }
            *part = part.take().or(given);
        }
        self.user = self.user.take().filter(|user| !user.is_empty());
        Ok(())
    }
}

fn invalid(scheme: &str, message: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("{scheme}: {message}"))
}

fn parse_login(text: &str) -> Result<RedisLogin, &'static str> {
    let (user, password) = text.split_once(':').map_or((text, None), |(u, p)| (u, Some(p)));
    let decode = |text| decode(text).ok_or("the user or password is not UTF-8 when its %XX are decoded");
    Ok(RedisLogin {
        user: Some(decode(user)?).filter(|user| !user.is_empty()),
        password: password.map(decode).transpose()?,
    })
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

/// Parses the path of a Unix socket. There must be no host.
fn parse_socket(host: &str, path: Option<&str>) -> Result<RedisAddress, &'static str> {
    match path {
        Some(path) if !path.is_empty() && host.is_empty() => {
            Ok(RedisAddress::Unix(format!("/{path}").into()))
        }
        _ => Err("the socket's absolute path is missing, as in redis+unix:///run/redis.sock"),
    }
}

/// Parses the name of the master in the configuration of the sentinels.
fn parse_master(text: &str) -> Result<String, &'static str> {
    let name = decode(text).ok_or("the master's name is not UTF-8 when its %XX are decoded")?;
    if name.is_empty() {
        return Err("the master's name is missing, as in redis+sentinel://host/mymaster");
    }
    Ok(name)
}

fn parse_hosts(text: &str, port: u16) -> Result<Vec<RedisAddress>, &'static str> {
    text.split(',').map(|host| parse_host(host, port)).collect()
}

fn parse_host(text: &str, default_port: u16) -> Result<RedisAddress, &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(numeric) => {
            let (host, rest) = numeric.split_once(']').ok_or("the address lacks its closing bracket")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| "the text in brackets is not an IPv6 address")?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err("only a colon and the port may follow the closing bracket"),
            }
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err("the host is missing, as in redis://localhost");
    }
    // An IPv6 address was checked above. Another character may belong to a misplaced password.
    if !text.starts_with('[') && !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        return Err("the host has an invalid character; write an IPv6 address in brackets");
    }
    let port = match port {
        None => default_port,
        Some(port) => {
            port.parse().ok().filter(|port| *port > 0).ok_or("the port is not a number from 1 to 65535")?
        }
    };
    Ok(RedisAddress::Tcp(host.to_owned(), port))
}

/// Also the characters that would end or change a login.
const RESERVED_IN_LOGIN: &AsciiSet = &RESERVED.add(b'/').add(b':').add(b'[').add(b']');

/// Formats the store string, without the password and without options that have their default.
impl fmt::Display for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls.is_some() { "rediss" } else { "redis" })?;
        f.write_str(match &self.servers {
            RedisServers::One(RedisAddress::Tcp(..)) => "://",
            RedisServers::One(RedisAddress::Unix(_)) => "+unix://",
            RedisServers::Cluster(_) => "+cluster://",
            RedisServers::Sentinel(_) => "+sentinel://",
        })?;
        if let Some(user) = &self.login.user {
            write!(f, "{}@", utf8_percent_encode(user, RESERVED_IN_LOGIN))?;
        }
        match &self.servers {
            RedisServers::One(address) => {
                write_addresses(f, std::slice::from_ref(address), Self::DEFAULT_PORT)?
            }
            RedisServers::Cluster(nodes) => write_addresses(f, nodes, Self::DEFAULT_PORT)?,
            RedisServers::Sentinel(sentinels) => {
                write_addresses(f, &sentinels.addresses, Self::DEFAULT_SENTINEL_PORT)?;
                write!(f, "/{}", utf8_percent_encode(&sentinels.master, RESERVED_IN_LOGIN))?;
            }
        }
        if self.database != 0 && !self.is_socket() {
            write!(f, "/{}", self.database)?;
        }
        options::write(f, &self.changed_options())
    }
}

impl RedisConfig {
    fn is_socket(&self) -> bool {
        matches!(self.servers, RedisServers::One(RedisAddress::Unix(_)))
    }

    /// Returns the options that do not have their default, without passwords.
    fn changed_options(&self) -> Vec<(&'static str, String)> {
        let mut options: Vec<(&str, String)> = Vec::new();
        if let RedisServers::Sentinel(sentinels) = &self.servers {
            options.extend(sentinels.login.user.iter().map(|user| ("sentinel_user", user.clone())));
        }
        if self.database != 0 && self.is_socket() {
            options.push(("db", self.database.to_string()));
        }
        if self.read_from == ReadFrom::Replica {
            options.push(("read_from", "replica".to_owned()));
        }
        match &self.prefix {
            KeyPrefix::Named(prefix) if prefix.is_empty() || prefix == KeyPrefix::DEFAULT => {}
            KeyPrefix::Named(prefix) => options.push(("prefix", prefix.clone())),
            KeyPrefix::Raw(prefix) => options.push(("raw_prefix", prefix.clone())),
        }
        for (name, timeout, default) in [
            ("connect_timeout", self.connect_timeout, Self::DEFAULT_CONNECT_TIMEOUT),
            ("response_timeout", self.response_timeout, Self::DEFAULT_RESPONSE_TIMEOUT),
        ] {
            if timeout != default {
                options.push((name, format!("{}ms", timeout.as_millis())));
            }
        }
        if let Some(tls) = &self.tls {
            options.extend(tls.ca_file.iter().map(|file| ("ca_file", file.display().to_string())));
            if let Some((certificate, key)) = &tls.client {
                options.push(("cert_file", certificate.display().to_string()));
                options.push(("key_file", key.display().to_string()));
            }
            options.extend(tls.server_name.iter().map(|name| ("server_name", name.clone())));
        }
        options
    }
}

/// Writes addresses, separated by commas and without the default port.
fn write_addresses(f: &mut fmt::Formatter<'_>, addresses: &[RedisAddress], default_port: u16) -> fmt::Result {
    for (number, address) in addresses.iter().enumerate() {
        if number > 0 {
            f.write_str(",")?;
        }
        let text = address.to_string();
        let has_default_port = matches!(address, RedisAddress::Tcp(_, port) if *port == default_port);
        let suffix = format!(":{default_port}");
        f.write_str(if has_default_port { text.trim_end_matches(&suffix) } else { &text })?;
    }
    Ok(())
}
