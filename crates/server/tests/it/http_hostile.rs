//! Bodies that mean harm: every one gets an answer that says what is wrong, and the server goes on (G-5).

use crate::http_support::{Site, WORLD_KEY, place};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

/// JSON as text, with what a writer of JSON would not write.
fn hostile() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1e999999".to_owned()),
        Just("-0".to_owned()),
        Just("123456789012345678901234567890".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        Just("\"\\u0000\"".to_owned()),
        Just("\"world:w1\"".to_owned()),
        Just("\"place.updated\"".to_owned()),
        Just("{\"id\":\"p\",\"id\":7}".to_owned()),
        Just("tru".to_owned()),
        Just("\"\u{202e}\"".to_owned()),
        "[\\x00-\\x7f]{0,8}",
        "\\PC{0,8}".prop_map(|s| format!("\"{s}\"")),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        let names = prop_oneof![
            Just("channel"),
            Just("type"),
            Just("data"),
            Just("key"),
            Just("trace"),
            Just("occurred_at"),
            Just("fields"),
            Just("audience"),
            Just("chanel"),
            Just("id"),
            Just("~/"),
            Just("")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((names, inner), 0..8).prop_map(|members| format!(
                "{{{}}}",
                members.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect::<Vec<_>>().join(" ,\n")
            )),
        ]
    })
}

// G-5
#[tokio::test]
async fn whatever_comes_is_answered_and_what_is_refused_leaves_nothing() {
    let site = Site::new().await;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = hostile();
    let mut published = 0;
    for _ in 0..600 {
        let body = strategy.new_tree(&mut runner).unwrap().current();
        let reply = site.post("/v1/events", WORLD_KEY, body.clone()).await;
        match reply.status {
            200 => published += reply.json().as_array().map_or(1, Vec::len),
            400 | 403 | 404 | 413 | 422 => {
                let (name, problem) = reply.problem(reply.status);
                assert!(!name.is_empty());
                for error in problem["errors"].as_array().into_iter().flatten() {
                    assert!(error["index"].is_u64() && error["pointer"].is_string() && error["message"].is_string(), "{error}");
                }
            }
            other => panic!("{other} for {body}: {}", reply.text),
        }
        let end = site.post("/v1/disconnect", WORLD_KEY, body.clone()).await;
        assert!(matches!(end.status, 200 | 400 | 404 | 422), "{} for {body}: {}", end.status, end.text);
    }
    let seq = site.publish(WORLD_KEY, place("p")).await["seq"].as_u64().unwrap();
    assert!(seq as usize <= published + 1);
}

// G-5
#[tokio::test]
async fn known_attacks_are_refused_by_name() {
    let site = Site::new().await;
    let around = |data: &str| format!("{{\"channel\":\"world:w1\",\"type\":\"place.updated\",\"data\":{data}}}");
    for (body, status) in [
        ("[".repeat(100_000), 400),
        ("{\"a\":".repeat(100_000), 400),
        (around(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))), 400),
        (around("{\"id\":\"p\",\"attributes\":{\"n\":1e999999}}"), 422),
        (around("{\"id\":\"\\ud800\"}"), 422),
        (around("{\"id\":\"p\",\"id\":7}"), 422),
        (around("{\"id\":\"p\""), 400),
        (around("{\"id\":\"p\"}").replace("{\"channel\"", "{\"type\":\"x\",\"channel\""), 422),
        (format!("{} trailing", around("{\"id\":\"p\"}")), 400),
        (around("{\"id\":\"p\"}").replace("world:w1", &"w".repeat(300)), 422),
        (around("{\"id\":\"p\"}").replace("world:w1", "world:\\u0000"), 422),
        (around("{\"id\":\"p\"}").replace("world:w1", "world:\\ud800"), 422),
        (
            format!(
                "{{\"channel\":\"c\",\"type\":\"t\",\"data\":1,{}}}",
                (0..200).map(|i| format!("\"m{i}\":1")).collect::<Vec<_>>().join(",")
            ),
            422,
        ),
    ] {
        let reply = site.post("/v1/events", WORLD_KEY, body.clone()).await;
        let (_, problem) = reply.problem(status);
        assert!(problem.to_string().len() < 20_000, "the answer is longer than it should be");
    }
    assert_eq!(site.get("/v1/channels", WORLD_KEY).await.json()["channels"], json!([]));
    // A number of any size inside the payload is kept as it is written.
    assert_eq!(
        site.post("/v1/events", WORLD_KEY, around("{\"id\":\"p\",\"attributes\":{\"n\":123456789012345678901234567890}}")).await.status,
        200
    );
}
