//! Which Redis is the one to speak to: the one, the master that the sentinels name, the node of a cluster that has a slot.

use crate::{Deployment, Failure, Settings, name::slot, settings::Files};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates,
    Value, aio::MultiplexedConnection,
};

/// Connects to the Redis that `key` is on, as a master. `config`: how.
pub(crate) async fn connect(settings: &Settings, key: &str, config: AsyncConnectionConfig) -> Result<MultiplexedConnection, Failure> {
    match &settings.deployment {
        Deployment::One => {
            let (host, port) = &settings.seeds[0];
            open(settings, host, *port, Role::Redis, config).await
        }
        Deployment::Sentinel { master } => {
            let mut why = Failure::Away("no sentinel answers".into());
            for (host, port) in &settings.seeds {
                match named(settings, host, *port, master).await {
                    Ok((host, port)) => return whole(open(settings, &host, port, Role::Redis, config).await?).await,
                    Err(failure) => why = failure,
                }
            }
            Err(why)
        }
        Deployment::Cluster => {
            let mut why = Failure::Away("no node of the cluster answers".into());
            for (host, port) in &settings.seeds {
                match owner(settings, host, *port, slot(key)).await {
                    Ok((host, port)) => return whole(open(settings, &host, port, Role::Redis, config).await?).await,
                    Err(failure) => why = failure,
                }
            }
            Err(why)
        }
    }
}

/// How long answers may take.
pub(crate) fn config(settings: &Settings) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(settings.connect_time)).set_response_timeout(Some(settings.answer_time))
}

enum Role {
    Redis,
    Sentinel,
}

async fn open(
    settings: &Settings,
    host: &str,
    port: u16,
    role: Role,
    config: AsyncConnectionConfig,
) -> Result<MultiplexedConnection, Failure> {
    let addr = if settings.tls {
        ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host.to_owned(), port)
    };
    let info: ConnectionInfo = addr.into_connection_info().map_err(away)?;
    let mut said = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3).set_lib_name("tidewire", env!("CARGO_PKG_VERSION"));
    match role {
        Role::Redis => {
            said = said.set_db(settings.db);
            if let Some(name) = &settings.username {
                said = said.set_username(name);
            }
            if let Some(password) = &settings.password {
                said = said.set_password(password);
            }
        }
        Role::Sentinel => {
            if let Some(password) = &settings.sentinel_password {
                said = said.set_password(password);
            }
        }
    }
    let info = info.set_redis_settings(said);
    let client = if settings.tls { Client::build_with_tls(info, certificates(settings)?) } else { Client::open(info) }.map_err(away)?;
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(away)
}

fn certificates(settings: &Settings) -> Result<TlsCertificates, Failure> {
    let read = |path: &String| std::fs::read(path).map_err(|error| Failure::Away(format!("{path}, for TLS to Redis: {error}")));
    let Files { ca, own } = &settings.files;
    let client_tls = match own {
        Some((cert, key)) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
        None => None,
    };
    Ok(TlsCertificates { client_tls, root_cert: ca.as_ref().map(read).transpose()? })
}

/// Nothing was asked yet, so whatever it is, nothing happened.
fn away(error: redis::RedisError) -> Failure {
    match Failure::from(error) {
        Failure::Refused(said) => Failure::Refused(said),
        Failure::Away(said) | Failure::Unknown(said) | Failure::Full(said) => Failure::Away(said),
    }
}

/// A sentinel may be late, a cluster's node too: it has to be a master itself.
async fn whole(mut connection: MultiplexedConnection) -> Result<MultiplexedConnection, Failure> {
    is_one(&mut connection).await.map(|()| connection)
}

/// Whether a connection leads to a master.
pub(crate) async fn is_one(connection: &mut MultiplexedConnection) -> Result<(), Failure> {
    let role: Vec<Value> = redis::cmd("ROLE").query_async(connection).await.map_err(away)?;
    match role.first().map(text) {
        Some(role) if role == "master" => Ok(()),
        role => Err(Failure::Away(format!("it is no master but a {}", role.unwrap_or_default()))),
    }
}

async fn named(settings: &Settings, host: &str, port: u16, master: &str) -> Result<(String, u16), Failure> {
    let mut sentinel = open(settings, host, port, Role::Sentinel, config(settings)).await?;
    let found: Option<(String, u16)> =
        redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(master).query_async(&mut sentinel).await.map_err(away)?;
    found.ok_or_else(|| Failure::Away(format!("the sentinels know no master '{master}'")))
}

async fn owner(settings: &Settings, host: &str, port: u16, slot: u16) -> Result<(String, u16), Failure> {
    let mut node = open(settings, host, port, Role::Redis, config(settings)).await?;
    let ranges: Vec<Value> = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut node).await.map_err(away)?;
    for range in ranges {
        let Value::Array(range) = range else { continue };
        let [Value::Int(from), Value::Int(to), Value::Array(master), ..] = &range[..] else { continue };
        let (Some(name), Some(Value::Int(at))) = (master.first(), master.get(1)) else { continue };
        if (*from..=*to).contains(&i64::from(slot)) {
            // A node that does not know its own address leaves it out: it is the one that was asked.
            let name = Some(text(name)).filter(|name| !name.is_empty() && name != "?").unwrap_or_else(|| host.to_owned());
            return Ok((name, u16::try_from(*at).unwrap_or(port)));
        }
    }
    Err(Failure::Away(format!("nobody in the cluster has slot {slot}")))
}

fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    }
}
