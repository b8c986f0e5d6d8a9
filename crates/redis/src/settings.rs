//! Where Redis is, and how it is spoken to.

use percent_encoding::percent_decode_str;
use std::time::Duration;

/// How the Redis that is meant is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployment {
    /// It has one address.
    One,
    /// Sentinels know which of them is the master of this name.
    Sentinel { master: String },
    /// The nodes of a cluster know which of them has a key.
    Cluster,
}

/// All that is needed to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub deployment: Deployment,
    /// Host and port: of Redis, of the sentinels, of some nodes of the cluster.
    pub seeds: Vec<(String, u16)>,
    pub tls: bool,
    pub files: Files,
    pub db: i64,
    pub username: Option<String>,
    pub password: Option<String>,
    /// Of the sentinels, where they ask for one of their own.
    pub sentinel_password: Option<String>,
    /// What every key begins with.
    pub prefix: String,
    /// Replicas that must have a publish before it is acknowledged (`WAIT`).
    pub replicas: usize,
    /// How long a connection, and an answer, may take.
    pub connect_time: Duration,
    pub answer_time: Duration,
}

/// Files in PEM form for TLS, read anew for each connection: one that is replaced counts from the next on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Who has to have signed Redis's certificate; without it, those that everybody trusts.
    pub ca: Option<String>,
    /// This node's own certificate and its key, where Redis asks for them.
    pub own: Option<(String, String)>,
}

/// What is wrong with a URL, and what to write instead. Never repeats the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadUrl(pub String);

const FORMS: &str = "write redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/MASTER or redis+cluster://HOST:PORT,HOST:PORT \
                     (rediss… for TLS; USER:PASSWORD@ in front of the hosts)";

impl Settings {
    /// Reads `redis://…`, `redis+sentinel://…/MASTER[/DB][?sentinel_password=…]` and `redis+cluster://…`.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn parse(url: &str) -> Result<Settings, BadUrl> {
        let bad = |why: &str| BadUrl(format!("{why}: {FORMS}"));
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(|| bad("this is no URL"))?;
        let (tls, kind) = match scheme {
            "redis" => (false, ""),
            "rediss" => (true, ""),
            "redis+sentinel" => (false, "sentinel"),
            "rediss+sentinel" => (true, "sentinel"),
            "redis+cluster" => (false, "cluster"),
            "rediss+cluster" => (true, "cluster"),
            _ => return Err(bad("the scheme is not one that is known here")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (rest, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match rest.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, rest),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(|t| t.into_owned()).map_err(|_| bad("it is not UTF-8"));
        let some = |text: &str| if text.is_empty() { Ok(None) } else { decoded(text).map(Some) };
        let (username, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((name, password)) => (some(name)?, some(password)?),
            None => (None, None),
        };
        let usual = if kind == "sentinel" { 26379 } else { 6379 };
        let mut seeds = Vec::new();
        for host in hosts.split(',').filter(|host| !host.is_empty()) {
            seeds.push(address(host, usual).ok_or_else(|| bad("a host or its port cannot be read"))?);
        }
        if seeds.is_empty() {
            return Err(bad("there is no host"));
        }
        let mut path = path.split('/').filter(|part| !part.is_empty());
        let deployment = match kind {
            "sentinel" => Deployment::Sentinel { master: decoded(path.next().ok_or_else(|| bad("the master's name is missing"))?)? },
            "cluster" => Deployment::Cluster,
            _ if seeds.len() > 1 => return Err(bad("several hosts need +sentinel or +cluster")),
            _ => Deployment::One,
        };
        let db = path.next().map_or(Ok(0), str::parse).map_err(|_| bad("the database is a number"))?;
        if path.next().is_some() || deployment == Deployment::Cluster && db != 0 {
            return Err(bad("the path is too long"));
        }
        let (mut sentinel_password, mut ca, mut cert, mut cert_key) = (None, None, None, None);
        for (name, value) in query.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, ""))) {
            match name {
                "sentinel_password" if kind == "sentinel" => sentinel_password = some(value)?,
                "ca" if tls => ca = some(value)?,
                "cert" if tls => cert = some(value)?,
                "key" if tls => cert_key = some(value)?,
                _ => {
                    return Err(bad(
                        "it has a parameter that is not known here (there are sentinel_password and, with TLS, ca, cert, key)",
                    ));
                }
            }
        }
        let own = match (cert, cert_key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err(bad("cert and key belong together: the files of a certificate and of its key")),
        };
        Ok(Settings {
            deployment,
            seeds,
            tls,
            files: Files { ca, own },
            db,
            username,
            password,
            sentinel_password,
            prefix: "tidewire".into(),
            replicas: 0,
            connect_time: Duration::from_secs(3),
            answer_time: Duration::from_secs(5),
        })
    }

    /// Without its secrets.
    pub fn told(&self) -> String {
        let hosts: Vec<String> = self.seeds.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let (kind, path) = match &self.deployment {
            Deployment::One => ("redis", format!("/{}", self.db)),
            Deployment::Sentinel { master } => ("redis+sentinel", format!("/{master}")),
            Deployment::Cluster => ("redis+cluster", String::new()),
        };
        format!("{kind}://{}{path}", hosts.join(","))
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("url", &self.told()).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn address(text: &str, usual: u16) -> Option<(String, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return Some((host.to_owned(), port.strip_prefix(':').map_or(Some(usual), |port| port.parse().ok())?));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
        None => Some((text.to_owned(), usual)),
    }
    .filter(|(host, _)| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let one = Settings::parse("redis://:s%40crect@10.0.0.5:6380/2").unwrap();
        assert_eq!((one.deployment.clone(), one.seeds.clone(), one.db), (Deployment::One, vec![("10.0.0.5".into(), 6380)], 2));
        assert_eq!((one.username.clone(), one.password.as_deref()), (None, Some("s@crect")));
        assert!(!format!("{one:?}").contains("crect"));
        let watched = Settings::parse("rediss+sentinel://u:p@s1,s2:7,[::1]:8/main/3?sentinel_password=x").unwrap();
        assert_eq!(watched.deployment, Deployment::Sentinel { master: "main".into() });
        assert_eq!(watched.seeds, [("s1".into(), 26379), ("s2".into(), 7), ("::1".into(), 8)]);
        assert_eq!((watched.tls, watched.db, watched.sentinel_password.as_deref()), (true, 3, Some("x")));
        let secured = Settings::parse("rediss://a?ca=/etc/a%20b/ca.pem&cert=c.pem&key=k.pem").unwrap();
        let own = Some(("c.pem".to_owned(), "k.pem".to_owned()));
        assert_eq!((secured.tls, secured.files), (true, Files { ca: Some("/etc/a b/ca.pem".into()), own }));
        let cluster = Settings::parse("redis+cluster://a:1,b:2").unwrap();
        assert_eq!((cluster.deployment, cluster.seeds.len()), (Deployment::Cluster, 2));
    }

    #[test]
    fn mistakes_say_what_to_write_and_repeat_no_secret() {
        for url in [
            "localhost:6379",
            "http://a",
            "redis://",
            "redis://a,b",
            "redis+sentinel://a",
            "redis://a:x",
            "redis://a/b",
            "redis+cluster://a/1",
            "redis://:secret@a/0/1",
            "redis://:secret@a?x=1",
            "redis://:secret@a?ca=ca.pem",
            "rediss://:secret@a?cert=c.pem",
        ] {
            let said = Settings::parse(url).unwrap_err().to_string();
            assert!(said.contains("redis+sentinel://HOST") && !said.contains("secret"), "{url}: {said}");
        }
    }
}
