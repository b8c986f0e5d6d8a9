//! Tokens of a real server: those of its keys let in, whatever becomes of the provider of others, and forged ones nowhere. // W-9

use crate::support::*;
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    time::{SystemTime, UNIX_EPOCH},
};

fn rsa() -> (String, EncodingKey) {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    (pair.public_key_pem(), EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap())
}

fn signed(algorithm: Algorithm, kid: Option<&str>, key: &EncodingKey, lasts_s: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let claims = json!({ "sub": "gm", "worlds": ["w1"], "role": "gamemaster", "exp": now + lasts_s });
    encode(&Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) }, &claims, key).unwrap()
}

/// A server that knows this key, and a provider of others at this address.
fn start(public: &str, provider: &str) -> Server {
    let environment = vec![
        ("TIDEWIRE_CONTRACTS_WORLD_AUTH_ALGORITHM", "RS256".to_owned()),
        ("TIDEWIRE_CONTRACTS_WORLD_AUTH_PUBLIC_KEY", public.to_owned()),
        ("TIDEWIRE_CONTRACTS_WORLD_AUTH_JWKS_URL", provider.to_owned()),
    ];
    Server::with_environment(environment)
}

/// What each transport answers to a token.
async fn everywhere(server: &Server, token: &str) -> [u16; 3] {
    let websocket = match server.websocket(&format!("/ws?world_id=w1&token={token}"), &[]).await {
        Ok(_) => 101,
        Err(Refused { status, body }) => {
            assert!(body["type"].as_str().is_some_and(|t| t.starts_with("urn:tidewire:problem:")), "{body}");
            status
        }
    };
    // A stream that is let in has no end; so its head alone is asked for.
    let mut stream = vec![("accept", "text/event-stream".to_owned())];
    stream.push(("authorization", format!("Bearer {token}")));
    let sse = server.head("/sse?world_id=w1", &stream).await.as_u16();
    let (history, _, _) = server.get("/worlds/w1/history", token).await;
    [websocket, sse, history.as_u16()]
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_nobody_out_whose_key_is_known() {
    // Nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ((public, key), (_, other)) = (rsa(), rsa());
    let server = start(&public, &format!("http://{nobody}/keys"));
    for kid in [None, Some("whichever")] {
        assert_eq!(everywhere(&server, &signed(Algorithm::RS256, kid, &key, 600)).await, [101, 200, 200]);
    }
    // Keys of another kind beside it are good, too.
    assert_eq!(everywhere(&server, &gamemaster()).await, [101, 200, 200]);

    let good = signed(Algorithm::RS256, None, &key, 600);
    let parts: Vec<&str> = good.split('.').collect();
    let longer = signed(Algorithm::RS256, None, &key, 6_000);
    let longer: Vec<&str> = longer.split('.').collect();
    for (what, forged) in [
        ("another key", signed(Algorithm::RS256, None, &other, 600)),
        ("another key, by name", signed(Algorithm::RS256, Some("whichever"), &other, 600)),
        ("the public key as a secret", signed(Algorithm::HS256, None, &EncodingKey::from_secret(public.as_bytes()), 600)),
        ("another algorithm", signed(Algorithm::PS256, None, &key, 600)),
        ("other claims", format!("{}.{}.{}", parts[0], longer[1], parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("expired", signed(Algorithm::RS256, None, &key, -5)),
        ("nothing", String::new()),
    ] {
        assert_eq!(everywhere(&server, &forged).await, [401, 401, 401], "{what}");
    }
    let (status, headers, problem) = server.get("/worlds/w1/history", &signed(Algorithm::RS256, None, &other, 600)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert!(problem["detail"].as_str().unwrap().contains("signature"), "{problem}");
    // No token is in what it says of it.
    assert!(server.log().iter().all(|line| !line.contains(&good) && !line.contains(parts[2])));
    let (status, _, _) = server.call(Method::GET, "/v1/channels/world:w1", Some(&good), None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a client's token is no backend's key");
}

/// An open session is told when its token ends, whichever key signed it; a token of the same principal carries it on.
#[tokio::test]
async fn a_session_lasts_as_long_as_its_token() {
    let (public, key) = rsa();
    let server = start(&public, "http://127.0.0.1:9/keys");
    let path = |lasts| format!("/ws?world_id=w1&token={}", signed(Algorithm::RS256, None, &key, lasts));
    let mut short = server.websocket(&path(2), &[]).await.unwrap();
    let mut renewed = server.websocket(&path(2), &[]).await.unwrap();
    let said = |socket: Value| json!({ "type": "refresh", "data": { "token": socket } });
    renewed.send(said(json!("no token"))).await;
    assert_eq!(renewed.next().await["data"]["code"], "UNAUTHORIZED");
    renewed.send(said(json!(signed(Algorithm::RS256, None, &key, 600)))).await;
    assert_eq!(renewed.next().await["type"], "refreshed");
    assert_eq!(short.frame().await, Err(Some(4401)));
    server.must("world", json!({ "channel": "world:w1", "type": "world.unfreeze", "data": {} })).await;
    assert_eq!(renewed.next().await["type"], "world.unfreeze");
}
