//! RS256, and keys that are published over https with an authority of one's own. // W-9

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tidewire_contract::Contract;
use tidewire_server::{
    Config,
    auth::{Auth, AuthError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn world() -> Contract {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/world");
    tidewire_contract::compile(&folder).unwrap_or_else(|e| panic!("{e:?}"))
}

fn token(algorithm: Algorithm, kid: Option<&str>, key: &EncodingKey) -> String {
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
    let claims = json!({ "sub": "ana", "worlds": ["w1"], "role": "player", "exp": expires });
    encode(&Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) }, &claims, key).unwrap()
}

fn rsa() -> (KeyPair, EncodingKey) {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
    (pair, key)
}

fn auth(world: &Contract, text: &str) -> Auth {
    let config = Config::parse(Path::new("t.toml"), text, &[]).unwrap_or_else(|e| panic!("{e}"));
    Auth::new(&config, &[world]).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn tokens_of_a_configured_rsa_key_and_no_others() {
    let world = world();
    let ((pair, key), (_, other)) = (rsa(), rsa());
    let public = pair.public_key_pem();
    let auth = auth(&world, &format!("[[contracts.world.auth.keys]]\nalgorithm = \"RS256\"\npublic_key = '''{public}'''\n"));
    let good = token(Algorithm::RS256, None, &key);
    assert_eq!(&*auth.verify(&world, &good, None).unwrap().principal.id, "ana");
    assert_eq!(auth.verify(&world, &token(Algorithm::RS256, None, &other), None), Err(AuthError::Signature));
    // The public key is no shared secret, whatever the token says.
    let confused = token(Algorithm::HS256, None, &EncodingKey::from_secret(public.as_bytes()));
    assert_eq!(auth.verify(&world, &confused, None), Err(AuthError::Algorithm));
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        assert_eq!(auth.verify(&world, &token(algorithm, None, &key), None), Err(AuthError::Algorithm));
    }
    let parts: Vec<&str> = good.split('.').collect();
    let claims =
        BASE64_URL_SAFE_NO_PAD.encode(json!({ "sub": "gm", "worlds": ["w1"], "role": "gamemaster", "exp": 9_999_999_999_u64 }).to_string());
    for forged in [format!("{}.{claims}.{}", parts[0], parts[2]), format!("{}.{claims}.", parts[0])] {
        assert!(auth.verify(&world, &forged, None).is_err());
    }
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    assert_eq!(auth.verify(&world, &format!("{none}.{claims}."), None), Err(AuthError::Malformed));
}

/// The members of an RSA public key, read off its DER.
fn published(pair: &KeyPair, kid: &str) -> Value {
    // SEQUENCE { INTEGER n, INTEGER e }
    let der = pair.public_key_raw().to_vec();
    let (outer, _) = value(&der);
    let (n, rest) = value(outer);
    let (e, _) = value(rest);
    let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes.strip_prefix(&[0]).unwrap_or(bytes));
    json!({ "kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": text(n), "e": text(e) })
}

fn value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short if short < 0x80 => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 0x7f);
            (der[2..2 + count].iter().fold(0, |n, b| n << 8 | usize::from(*b)), 2 + count)
        }
    };
    (&der[start..start + length], &der[start + length..])
}

#[tokio::test]
async fn keys_published_over_https_by_a_configured_authority() {
    let world = world();
    let (pair, key) = rsa();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let own = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&own, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], rustls_pki_types::PrivateKeyDer::try_from(own.serialize_der()).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = json!({ "keys": [published(&pair, "r1")] }).to_string();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            // Who does not trust the certificate does not come through.
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut head = [0; 2048];
            let _ = tls.read(&mut head).await;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = tls.write_all(answer.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let trusting = format!("[contracts.world.auth]\njwks_url = \"https://localhost:{port}/keys\"\njwks_ca = \"{}\"\n", ca.display());
    let token = token(Algorithm::RS256, Some("r1"), &key);
    let trusting = auth(&world, &trusting);
    assert_eq!(&*trusting.verify_fetching(&world, &token, None).await.unwrap().principal.id, "ana");
    // The public authorities do not know this one.
    let public = format!("[contracts.world.auth]\njwks_url = \"https://localhost:{port}/keys\"\n");
    assert_eq!(auth(&world, &public).verify_fetching(&world, &token, None).await, Err(AuthError::UnknownKey));
}
