//! The configuration: strict, told with its place, and silent about secrets.

use std::path::Path;
use tidewire_server::config::{BackendKey, Config, SETTINGS, Secret};

const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables: Vec<(String, String)> = variables.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    Config::parse(Path::new("tidewire.toml"), text, &variables).map_err(|e| e.to_string())
}

fn refused(text: &str) -> String {
    parse(text, &[]).expect_err(text)
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_nearest_word() {
    let error = refused("listen = \"127.0.0.1:1\"\n\n[limits]\nheader_byts = 9000\n");
    assert!(error.starts_with("tidewire.toml:4:1: unknown key `header_byts`"), "{error}");
    assert!(error.contains("did you mean `header_bytes`?") && error.contains("^^^"), "{error}");
    assert!(refused("[limits]\nheader_time = \"10 parsecs\"\n").contains("tidewire.toml:2:15: invalid value"), "with a unit that is none");
    assert!(refused("[limits]\nheader_bytes = 12\n").contains("the least is 8192"));
    assert!(refused("[log]\nformat = \"jsn\"\n").contains("did you mean `json`?"));
}

#[test]
fn a_mistake_near_a_secret_does_not_show_it() {
    let near = [
        format!("[[contracts.world.auth.keys]]\nalgorithm = \"HS256\"\nsecrt = \"{SECRET}\"\n"),
        format!("[contracts.world]\nbackend_keys = \"{SECRET}\"\n"),
        format!("[contracts.world]\nbackend_keys = [\n  \"{SECRET}\",\n  \"{SECRET}\n]\n"),
        format!("[contracts.world.auth]\nleeway = \"{SECRET}\"\n"),
        format!("contracts.world.auth.secrt = \"{SECRET}\"\n"),
        format!("[contracts.world]\nbackend_keys = [\"{SECRET}\"]\n"),
    ];
    for text in near {
        let error = refused(&text);
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(refused(&format!("[contracts.world]\nbackend_keys = [\"{SECRET}\"]\n")).contains("sha256sum"), "how to hash it");
}

#[test]
fn debug_output_shows_no_secret() {
    let text = format!(
        "[contracts.world]\nbackend_keys = [\"{}\"]\n[contracts.world.auth]\nsecret = \"{SECRET}\"\n",
        BackendKey::of("k").to_text()
    );
    let shown = format!("{:?} {:?}", parse(&text, &[]).unwrap(), Secret::new(SECRET));
    assert!(!shown.contains("hunter2") && !shown.contains(&BackendKey::of("k").to_text()[7..]), "{shown}");
}

#[test]
fn the_environment_wins_and_may_hold_plain_keys() {
    let config = parse(
        "[limits]\nheader_time = \"3s\"\nbatch_events = 5\n[contracts.world]\nallowed_origins = [\"https://a.example\"]\n",
        &[
            ("TIDEWIRE_LIMITS_HEADER_TIME", "250ms"),
            ("TIDEWIRE_CONTRACTS_WORLD_BACKEND_KEYS", "a plain key of the backend"),
            ("TIDEWIRE_CONTRACTS_WORLD_AUTH_SECRET", SECRET),
            ("TIDEWIRE_PROXY", "/api/board=http://127.0.0.1:9000"),
            ("TIDEWIRE_LISTNE", "127.0.0.1:1"),
        ],
    )
    .unwrap();
    assert_eq!((config.limits.header_time.as_millis(), config.limits.batch_events), (250, 5));
    let world = config.contract("world").unwrap();
    assert_eq!(world.backend_keys, [BackendKey::of("a plain key of the backend")]);
    assert_eq!((world.auth.keys.len(), world.allowed_origins.len()), (1, 1));
    assert_eq!(config.proxy[0].0, "/api/board");
    assert!(config.warnings[0].contains("did you mean TIDEWIRE_LISTEN?"), "{:?}", config.warnings);
    let error = parse("", &[("TIDEWIRE_LIMITS_HEADER_BYTES", "many")]).unwrap_err();
    assert!(error.starts_with("TIDEWIRE_LIMITS_HEADER_BYTES: "), "{error}");
}

#[test]
fn every_setting_has_a_variable_that_is_understood() {
    for (setting, _) in SETTINGS {
        let name = format!("TIDEWIRE_{}", setting.replace("NAME", "world").replace('.', "_").to_uppercase());
        match parse("", &[(&name, "\u{1}")]) {
            Ok(config) => assert!(config.warnings.is_empty(), "{name} is not known"),
            // Whatever is wrong with the value, the variable was known.
            Err(error) => assert!(!error.contains("unknown key"), "{name}: {error}"),
        }
    }
}

#[test]
fn keys_that_are_too_weak_or_of_the_wrong_kind_are_refused() {
    let key = |rest: &str| refused(&format!("[[contracts.world.auth.keys]]\n{rest}\n"));
    assert!(key("algorithm = \"HS256\"\nsecret = \"short\"").contains("32 bytes"));
    assert!(key("algorithm = \"ES256\"\nsecret = \"x\"").contains("`public_key` or `public_key_file`"));
    assert!(key("algorithm = \"none\"\nsecret = \"x\"").contains("unknown value `none`"));
    assert!(key("algorithm = \"HS256\"\nsecret_env = \"NOT_SET_HERE\"").contains("NOT_SET_HERE"));
}

#[test]
fn what_is_forwarded_is_plain_http_and_never_covers_what_is_served_here() {
    for path in ["/", "/v1", "/v1/events", "/v1/events/since", "/asyncapi/world.json"] {
        let error = refused(&format!("[proxy]\n\"{path}\" = \"http://127.0.0.1:9\"\n"));
        assert!(error.contains("answers itself"), "{path}: {error}");
    }
    assert!(refused("[proxy]\n\"/api\" = \"https://127.0.0.1:9\"\n").contains("http:// only"));
    assert!(refused("[proxy]\n\"api\" = \"http://127.0.0.1:9\"\n").contains("slash"));
    let config =
        parse("[proxy]\n\"/v1/orders\" = \"http://a:1\"\n\"/v1/orders/new\" = \"http://b:1\"\n\"/v1/eventsource\" = \"http://c:1\"\n", &[]);
    let paths: Vec<String> = config.unwrap().proxy.into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/v1/eventsource", "/v1/orders/new", "/v1/orders"], "longest first");
}
