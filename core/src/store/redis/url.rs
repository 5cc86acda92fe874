//! Store strings of Redis, read and written: `redis://`, `redis+unix://`, `redis+cluster://`, `redis+sentinel://`, and
//! the same with TLS.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};

use super::config::{
    KeyPrefix, ReadFrom, RedisAddress, RedisConfig, RedisLogin, RedisSentinels, RedisServers, RedisTls,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Backend;
use crate::store::url_options::{self, RESERVED, parse_timeout};

/// What every form takes.
const PREFIX: &[&str] = &["prefix", "raw_prefix"];
const TIMEOUTS: &[&str] = &["connect_timeout", "response_timeout"];
const TLS: &[&str] = &["ca_file", "cert_file", "key_file", "server_name"];
/// What those with replicas take.
const REPLICAS: &[&str] = &["read_from"];
const SENTINELS: &[&str] = &["sentinel_user", "sentinel_password"];

impl RedisConfig {
    /// The schemes, what their store strings look like, and the options they take.
    pub(in crate::store) const BACKENDS: &'static [Backend] = &[
        Backend {
            scheme: "redis",
            form: "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]",
            option_lists: &[PREFIX, TIMEOUTS],
        },
        Backend {
            scheme: "rediss",
            form: "rediss://[USER:PASSWORD@]HOST[:PORT][/DATABASE]",
            option_lists: &[PREFIX, TIMEOUTS, TLS],
        },
        Backend {
            scheme: "redis+unix",
            form: "redis+unix://[USER:PASSWORD@]/PATH",
            option_lists: &[&["db"], PREFIX, TIMEOUTS],
        },
        Backend {
            scheme: "redis+cluster",
            form: "redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…",
            option_lists: &[PREFIX, REPLICAS, TIMEOUTS],
        },
        Backend {
            scheme: "rediss+cluster",
            form: "rediss+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…",
            option_lists: &[PREFIX, REPLICAS, TIMEOUTS, TLS],
        },
        Backend {
            scheme: "redis+sentinel",
            form: "redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]",
            option_lists: &[PREFIX, REPLICAS, SENTINELS, TIMEOUTS],
        },
        Backend {
            scheme: "rediss+sentinel",
            form: "rediss+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/MASTER[/DATABASE]",
            option_lists: &[PREFIX, REPLICAS, SENTINELS, TIMEOUTS, TLS],
        },
    ];

    /// Reads what follows the scheme and its colon, and the options, whose names are known to be good.
    pub(in crate::store) fn parse(scheme: &str, place: &str, options: &[(String, String)]) -> Result<Self> {
        let invalid = |message: &str| invalid(format!("{scheme}: {message}"));
        let (transport, form) = scheme.split_once('+').unwrap_or((scheme, ""));
        let place = place
            .strip_prefix("//")
            .ok_or_else(|| invalid("// must follow the scheme's colon, as in redis://localhost"))?;
        let (authority, path) = place.split_once('/').map_or((place, None), |(a, p)| (a, Some(p)));
        if form != "unix" && path.is_some_and(|path| path.contains('@')) {
            return Err(invalid("a / in a user or password must be written %2F"));
        }
        let (login, hosts) = authority.rsplit_once('@').map_or((None, authority), |(l, h)| (Some(l), h));
        let mut database = path.filter(|path| form != "unix" && !path.is_empty());
        let servers = match form {
            "unix" => RedisServers::One(socket(hosts, path).map_err(invalid)?),
            "cluster" => RedisServers::Cluster(parse_hosts(hosts, Self::DEFAULT_PORT).map_err(invalid)?),
            "sentinel" => {
                let addresses = parse_hosts(hosts, Self::DEFAULT_SENTINEL_PORT).map_err(invalid)?;
                let path = path.unwrap_or_default();
                let (master, rest) = path.split_once('/').map_or((path, None), |(m, rest)| (m, Some(rest)));
                database = rest.filter(|rest| !rest.is_empty());
                let master = parse_master(master).map_err(invalid)?;
                RedisServers::Sentinel(RedisSentinels { addresses, master, login: RedisLogin::default() })
            }
            _ => RedisServers::One(parse_host(hosts, Self::DEFAULT_PORT).map_err(invalid)?),
        };
        let mut config = Self::new(servers);
        if let Some(login) = login {
            let decode = |text| {
                decode(text)
                    .ok_or_else(|| invalid("the user or password is not UTF-8 when its %XX are decoded"))
            };
            let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
            config.login.user = Some(decode(user)?).filter(|user| !user.is_empty());
            config.login.password = password.map(decode).transpose()?;
        }
        if let Some(number) = database {
            config.database = parse_database(number).map_err(invalid)?;
        }
        if form == "cluster" && config.database != 0 {
            return Err(invalid("a cluster has no databases but 0"));
        }
        if transport == "rediss" {
            config.tls = Some(RedisTls::default());
        }
        config.set_options(options).map_err(|message| invalid(&message))?;
        Ok(config)
    }

    fn set_options(&mut self, options: &[(String, String)]) -> Result<(), String> {
        let option =
            |name: &str| options.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        self.prefix = match (option("prefix"), option("raw_prefix")) {
            (Some(_), Some(_)) => return Err("give either prefix or raw_prefix, not both".to_owned()),
            (Some(prefix), None) => KeyPrefix::Named(prefix),
            (None, Some(lead)) => KeyPrefix::Raw(lead),
            (None, None) => KeyPrefix::default(),
        };
        self.read_from = match option("read_from").as_deref() {
            None | Some("master") => ReadFrom::Master,
            Some("replica") => ReadFrom::Replica,
            Some(_) => return Err("read_from is either master or replica".to_owned()),
        };
        if let RedisServers::Sentinel(sentinels) = &mut self.servers {
            let (user, password) = (option("sentinel_user"), option("sentinel_password"));
            sentinels.login = RedisLogin { user: user.filter(|user| !user.is_empty()), password };
        }
        if let Some(number) = option("db") {
            self.database = parse_database(&number)?;
        }
        for (name, timeout) in
            [("connect_timeout", &mut self.connect_timeout), ("response_timeout", &mut self.response_timeout)]
        {
            if let Some(value) = option(name) {
                *timeout = parse_timeout(name, &value, Self::MAX_TIMEOUT)?;
            }
        }
        let Some(tls) = &mut self.tls else { return Ok(()) };
        tls.ca_file = option("ca_file").map(PathBuf::from);
        tls.server_name = option("server_name");
        tls.client = match (option("cert_file"), option("key_file")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some(_), None) => return Err("cert_file needs a key_file".to_owned()),
            (None, Some(_)) => return Err("key_file needs a cert_file".to_owned()),
        };
        Ok(())
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// Reads the path of a socket, which no host stands before.
fn socket(host: &str, path: Option<&str>) -> Result<RedisAddress, &'static str> {
    match path {
        Some(path) if !path.is_empty() && host.is_empty() => {
            Ok(RedisAddress::Unix(format!("/{path}").into()))
        }
        _ => Err("the socket's absolute path is missing, as in redis+unix:///run/redis.sock"),
    }
}

/// Reads the name by which sentinels know a master.
fn parse_master(text: &str) -> Result<String, &'static str> {
    let name = decode(text).ok_or("the master's name is not UTF-8 when its %XX are decoded")?;
    match name.is_empty() {
        true => Err("the master's name is missing, as in redis+sentinel://host/mymaster"),
        false => Ok(name),
    }
}

fn parse_hosts(text: &str, port: u16) -> Result<Vec<RedisAddress>, &'static str> {
    text.split(',').map(|host| parse_host(host, port)).collect()
}

fn parse_host(text: &str, default_port: u16) -> Result<RedisAddress, &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(numeric) => {
            let (host, rest) = numeric.split_once(']').ok_or("the address lacks its closing bracket")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| "what stands in brackets is no IPv6 address")?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err("a colon and the port must follow the bracket"),
            }
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err("the host is missing, as in redis://localhost");
    }
    // An IPv6 address was checked above; anything else odd may be a password that went astray.
    if !text.starts_with('[') && !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        return Err("the host has a character that no host name has; an IPv6 address stands in brackets");
    }
    let port = match port {
        None => default_port,
        Some(port) => {
            port.parse().ok().filter(|port| *port > 0).ok_or("the port is not a number from 1 to 65535")?
        }
    };
    Ok(RedisAddress::Tcp(host.to_owned(), port))
}

fn parse_database(text: &str) -> Result<u32, &'static str> {
    // Redis counts databases in 31 bits.
    let number = text.parse().ok().filter(|number| *number <= i32::MAX as u32);
    number.ok_or("the database is not a number, such as 0")
}

/// Also what would end or change a login.
const RESERVED_IN_LOGIN: &AsciiSet = &RESERVED.add(b'/').add(b':').add(b'[').add(b']');

/// Writes the store string without the password and without options that have their default.
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
        let (addresses, port) = match &self.servers {
            RedisServers::One(address) => (std::slice::from_ref(address), Self::DEFAULT_PORT),
            RedisServers::Cluster(nodes) => (&nodes[..], Self::DEFAULT_PORT),
            RedisServers::Sentinel(sentinels) => (&sentinels.addresses[..], Self::DEFAULT_SENTINEL_PORT),
        };
        for (number, address) in addresses.iter().enumerate() {
            let place = address.to_string();
            let default = matches!(address, RedisAddress::Tcp(_, given) if *given == port);
            let shown = if default { place.trim_end_matches(&format!(":{port}")) } else { &place };
            write!(f, "{}{shown}", if number == 0 { "" } else { "," })?;
        }
        let mut options: Vec<(&str, String)> = Vec::new();
        if let RedisServers::Sentinel(sentinels) = &self.servers {
            write!(f, "/{}", utf8_percent_encode(&sentinels.master, RESERVED_IN_LOGIN))?;
            options.extend(sentinels.login.user.iter().map(|user| ("sentinel_user", user.clone())));
        }
        match (&self.servers, self.database) {
            (_, 0) => {}
            (RedisServers::One(RedisAddress::Unix(_)), number) => options.push(("db", number.to_string())),
            (_, number) => write!(f, "/{number}")?,
        }
        if self.read_from == ReadFrom::Replica {
            options.push(("read_from", "replica".to_owned()));
        }
        match &self.prefix {
            KeyPrefix::Named(prefix) if prefix.is_empty() || prefix == KeyPrefix::DEFAULT => {}
            KeyPrefix::Named(prefix) => options.push(("prefix", prefix.clone())),
            KeyPrefix::Raw(lead) => options.push(("raw_prefix", lead.clone())),
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
            let path = |path: &PathBuf| path.display().to_string();
            options.extend(tls.ca_file.iter().map(|file| ("ca_file", path(file))));
            options.extend(
                tls.client.iter().flat_map(|(certificate, key)| {
                    [("cert_file", path(certificate)), ("key_file", path(key))]
                }),
            );
            options.extend(tls.server_name.iter().map(|name| ("server_name", name.clone())));
        }
        url_options::write(f, &options)
    }
}
