//! Tokens: which check failed, and keys that an identity provider publishes.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tidewire_contract::Contract;
use tidewire_server::{
    Config,
    auth::{Auth, AuthError, redact_query},
    config::BackendKey,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECRET: &str = "a secret of at least thirty-two bytes";

fn world() -> Contract {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/world");
    tidewire_contract::compile(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

fn auth(world: &Contract, text: &str) -> Auth {
    let config = Config::parse(Path::new("t.toml"), text, &[]).unwrap_or_else(|e| panic!("{e}"));
    Auth::new(&config, &[world]).unwrap_or_else(|e| panic!("{e}"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signed(change: Value) -> String {
    signed_with(&Header::default(), &EncodingKey::from_secret(SECRET.as_bytes()), change)
}

fn signed_with(header: &Header, key: &EncodingKey, change: Value) -> String {
    let mut claims = json!({ "sub": "ana", "worlds": ["w1"], "role": "player", "exp": now() + 600 });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    encode(header, &claims, key).unwrap()
}

// W-9
#[test]
fn each_check_says_its_name_and_nothing_of_the_token() {
    let world = world();
    let auth = auth(
        &world,
        &format!("[contracts.world.auth]\nsecret = \"{SECRET}\"\nissuer = \"me\"\naudience = [\"a\", \"b\"]\nleeway = \"5s\"\n"),
    );
    let good = json!({ "iss": "me", "aud": "b" });
    let verified = auth.verify(&world, &signed(good.clone()), None).unwrap();
    assert_eq!(&*verified.principal.id, "ana");
    let expires = verified.expires.unwrap() / 1_000_000 - now() as i64;
    assert!((603..=605).contains(&expires), "the leeway is part of it: {expires}");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        auth.verify(&world, &signed(claims), None)
    };
    assert_eq!(with("exp", json!(now() - 60)), Err(AuthError::Expired));
    assert!(with("exp", json!(now() - 2)).is_ok(), "within the leeway");
    assert_eq!(with("exp", Value::Null), Err(AuthError::Claim("exp".into())));
    assert_eq!(with("nbf", json!(now() + 60)), Err(AuthError::NotYet));
    assert_eq!(with("iss", json!("you")), Err(AuthError::Issuer));
    assert_eq!(with("iss", Value::Null), Err(AuthError::Claim("iss".into())));
    assert_eq!(with("aud", json!("c")), Err(AuthError::Audience));
    assert_eq!(with("aud", Value::Null), Err(AuthError::Claim("aud".into())));
    assert_eq!(with("sub", Value::Null), Err(AuthError::NoPrincipal));
    let other = EncodingKey::from_secret(b"another secret of thirty-two bytes!!");
    assert_eq!(auth.verify(&world, &signed_with(&Header::default(), &other, good.clone()), None), Err(AuthError::Signature));
    let longer = signed_with(&Header::new(Algorithm::HS512), &EncodingKey::from_secret(SECRET.as_bytes()), good.clone());
    assert_eq!(auth.verify(&world, &longer, None), Err(AuthError::Algorithm), "the key says which algorithm");
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(json!({ "alg": "none" })), part(json!({ "sub": "ana", "exp": now() + 60 })));
    for nonsense in [unsigned.as_str(), "", "a.b.c", "....", "ä.ö.ü", "ey.ey.ey"] {
        let error = auth.verify(&world, nonsense, None).unwrap_err();
        assert_eq!(error, AuthError::Malformed);
        let problem = error.problem();
        assert_eq!(problem.status, 401);
        assert!(problem.headers[0].1.to_str().unwrap().contains("error=\"invalid_token\""));
    }
}

// W-9: two secrets at a time, so that they can be rotated; a token without an end only where it is configured.
#[test]
fn keys_are_rotated_and_expiry_can_be_waived() {
    let world = world();
    let key = |secret: &str| format!("[[contracts.world.auth.keys]]\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n");
    let old = "the old secret, of thirty-two bytes or more";
    let auth = auth(&world, &format!("[contracts.world.auth]\nrequire_expiry = false\n{}{}", key(old), key(SECRET)));
    for secret in [old, SECRET] {
        let token = signed_with(&Header::default(), &EncodingKey::from_secret(secret.as_bytes()), json!({ "exp": null }));
        assert_eq!(auth.verify(&world, &token, None).unwrap().expires, None);
    }
}

#[test]
fn a_backend_key_names_its_contract() {
    let world = world();
    let keys = [BackendKey::of("one").to_text(), BackendKey::of("two").to_text()];
    let auth = auth(&world, &format!("[contracts.world]\nbackend_keys = {keys:?}\n"));
    assert_eq!([auth.backend("one"), auth.backend("two"), auth.backend("three"), auth.backend(&keys[0])], [Some(0), Some(0), None, None]);
}

#[test]
fn no_key_no_start() {
    let world = world();
    let check = |text: &str| Config::parse(Path::new("t.toml"), text, &[]).unwrap().check(&[&world]).map_err(|e| e.to_string());
    let backend = format!("[contracts.world]\nbackend_keys = [\"{}\"]\n", BackendKey::of("k").to_text());
    assert!(check(&backend).unwrap_err().contains("no key to verify"));
    let client = format!("[contracts.world.auth]\nsecret = \"{SECRET}\"\n");
    assert!(check(&client).unwrap_err().contains("no backend key"));
    assert_eq!(check(&format!("{backend}{client}")), Ok(()));
    assert!(check(&format!("{backend}{client}[contracts.wrld]\n")).unwrap_err().contains("did you mean `world`?"));
}

#[test]
fn values_of_a_query_are_not_logged() {
    assert_eq!(redact_query("/ws?world_id=w1&token=abc&x"), "/ws?world_id=…&token=…&x=…");
}

/// An identity provider: answers every request with what it is told to publish.
struct Provider {
    url: String,
    published: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    async fn start() -> Provider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let (published, asked) = (Arc::new(Mutex::new(json!({ "keys": [] }))), Arc::new(AtomicUsize::new(0)));
        let (shown, counted) = (published.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await;
                counted.fetch_add(1, Ordering::SeqCst);
                let body = shown.lock().unwrap().clone();
                let status = if body.is_null() { "500 Oops" } else { "200 OK" };
                let body = body.to_string();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Provider { url, published, asked }
    }

    fn publishes(&self, keys: &Value) {
        *self.published.lock().unwrap() = keys.clone();
    }
}

/// A key pair of Ed25519: what signs, and its public half as it is published.
fn pair(kid: &str) -> (EncodingKey, Value) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key_raw());
    let key = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap();
    (key, json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": x }))
}

fn named(kid: &str) -> Header {
    Header { kid: Some(kid.into()), ..Header::new(Algorithm::EdDSA) }
}

// W-9
#[tokio::test]
async fn published_keys_are_fetched_kept_and_asked_for_at_a_bounded_rate() {
    let world = world();
    let provider = Provider::start().await;
    let auth = auth(&world, &format!("[contracts.world.auth]\njwks_url = \"{}\"\n", provider.url));
    let (key, published) = pair("k1");
    // Keys that are no use here are passed over, a shared secret above all.
    let secret = json!({ "kty": "oct", "kid": "s", "k": BASE64_URL_SAFE_NO_PAD.encode(SECRET) });
    provider.publishes(&json!({ "keys": [{ "kty": "new" }, secret, published] }));

    let token = signed_with(&named("k1"), &key, json!({}));
    assert_eq!(&*auth.verify_fetching(&world, &token, None).await.unwrap().principal.id, "ana");
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    let forged =
        signed_with(&Header { kid: Some("s".into()), ..Header::default() }, &EncodingKey::from_secret(SECRET.as_bytes()), json!({}));
    assert_eq!(auth.verify(&world, &forged, None), Err(AuthError::UnknownKey));

    // Made-up names do not make us ask again and again.
    for i in 0..50 {
        let token = signed_with(&named(&format!("made-up-{i}")), &key, json!({}));
        assert_eq!(auth.verify_fetching(&world, &token, None).await, Err(AuthError::UnknownKey));
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    assert!(auth.verify(&world, &token, None).is_ok());
}

/// Lets what was started in the background come to an end: the fetch goes over a real socket, the clock stands still.
async fn settle() {
    for _ in 0..50 {
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(4))).await.unwrap();
    }
}

// W-9: a new key is found, a failing provider takes nothing away, a withdrawn key is not trusted for ever.
#[tokio::test(start_paused = true)]
async fn published_keys_change() {
    let world = world();
    let provider = Provider::start().await;
    let auth = auth(&world, &format!("[contracts.world.auth]\njwks_url = \"{}\"\n", provider.url));
    let ((old, old_published), (new, new_published)) = (pair("old"), pair("new"));
    let (old, new) = (signed_with(&named("old"), &old, json!({})), signed_with(&named("new"), &new, json!({})));
    provider.publishes(&json!({ "keys": [old_published] }));
    auth.warm();
    settle().await;
    assert!(auth.verify(&world, &old, None).is_ok());

    provider.publishes(&Value::Null);
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(auth.verify(&world, &new, None), Err(AuthError::UnknownKey));
    settle().await;
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    assert!(auth.verify(&world, &old, None).is_ok(), "the keys at hand stay");

    provider.publishes(&json!({ "keys": [new_published] }));
    tokio::time::advance(Duration::from_secs(301)).await;
    assert!(auth.verify(&world, &old, None).is_ok(), "who comes first does not wait for it");
    settle().await;
    assert_eq!(auth.verify(&world, &old, None), Err(AuthError::UnknownKey));
    assert!(auth.verify(&world, &new, None).is_ok());
}
