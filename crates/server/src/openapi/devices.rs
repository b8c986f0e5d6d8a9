//! The registry of devices, and what is signed for them.

use super::{
    interface::{answers, body, operation},
    parts::{refusals, schema},
};
use serde_json::{Map, Value, json};
use tidewire_contract::{Contract, EndpointKind};

/// `/v1/devices…`
pub fn paths(paths: &mut Map<String, Value>) {
    let read = ["401", "404"];
    let change = ["400", "401", "404", "408", "413", "415", "422", "503"];
    let mut list = operation("devices", "devices", "All devices of the key's contract, by id");
    let all =
        json!({ "type": "object", "required": ["devices"], "properties": { "devices": { "type": "array", "items": schema("Device") } } });
    list["responses"] = answers("The devices", &all, &read);
    let mut create = operation("createDevice", "devices", "Register a device; its token is told this once");
    create["requestBody"] = body(&schema("NewDevice"));
    create["responses"] = answers("Registered", &schema("DeviceWithToken"), &change);
    // It is a new one.
    if let Some(answers) = create["responses"].as_object_mut() {
        let made = answers.remove("200").unwrap_or_default();
        answers.insert("201".into(), made);
        refusals(&["409"], answers);
    }
    paths.insert("/v1/devices".into(), json!({ "get": list, "post": create }));

    let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer", "minimum": 1 } }]);
    let mut show = operation("device", "devices", "One device");
    show["responses"] = answers("The device", &schema("Device"), &read);
    let mut update = operation(
        "changeDevice",
        "devices",
        "Change a device; what is not said stays. A device that is blocked loses its connections at once",
    );
    update["requestBody"] = body(&schema("DeviceChange"));
    update["responses"] = answers("The device as it is now", &schema("Device"), &change);
    let mut remove = operation("removeDevice", "devices", "Forget a device; its connections end at once");
    remove["responses"] = answers("The device as it was", &schema("Device"), &["401", "404", "503"]);
    paths.insert("/v1/devices/{id}".into(), json!({ "parameters": id, "get": show, "patch": update, "delete": remove }));

    let mut rotate = operation("rotateDeviceToken", "devices", "Give a device another token; the old one and its connections end at once");
    rotate["responses"] = answers("The device, with its new token", &schema("DeviceWithToken"), &["401", "404", "503"]);
    paths.insert("/v1/devices/{id}/token".into(), json!({ "parameters": id, "post": rotate }));

    let mut verify = operation("verifyDeviceToken", "devices", "Whose token it is, for a backend that was given one");
    verify["requestBody"] = body(&schema("DeviceVerification"));
    verify["responses"] = answers(
        "The device; where a check fails, 403 with its name in `check`",
        &schema("Device"),
        &["400", "401", "403", "404", "408", "413", "415", "422"],
    );
    paths.insert("/v1/devices/verify".into(), json!({ "post": verify }));
}

/// Where a contract's devices have subscriptions signed.
pub fn signing(contract: &Contract, security: &[Value]) -> Vec<(String, Value)> {
    let signs = |kind| matches!(kind, EndpointKind::Authorize | EndpointKind::SignIn);
    let endpoints = contract.endpoints.iter().filter(|endpoint| signs(endpoint.kind));
    endpoints
        .map(|endpoint| {
            let (name, summary, asked, answered) = match endpoint.kind {
                EndpointKind::Authorize => (
                    "authorize",
                    "Sign a device's subscription, and make the connection that device's",
                    "SubscriptionToSign",
                    "SignedSubscription",
                ),
                _ => ("signin", "Sign who a device is, and make the connection that device's", "UserToSign", "SignedUser"),
            };
            let content = json!({ "schema": schema(asked) });
            let post = json!({
                "operationId": format!("{}.{name}", contract.name),
                "tags": [contract.name],
                "summary": summary,
                "security": security,
                "requestBody": {
                    "required": true,
                    "content": { "application/x-www-form-urlencoded": content, "application/json": content },
                },
                "responses": answers(
                    "The signature; where a check fails, a problem with its name in `check`",
                    &schema(answered),
                    &["400", "401", "403", "404", "408", "413", "422"],
                ),
            });
            (endpoint.path.source.clone(), json!({ "post": post }))
        })
        .collect()
}

/// The schemas of all this.
pub fn schemas(into: &mut Map<String, Value>) {
    let text = json!({ "type": "string", "maxLength": 200 });
    let kind =
        json!({ "type": "string", "minLength": 1, "maxLength": 200, "description": "POS, KDS …, as the contract's backends name them" });
    let id = json!({ "type": "integer", "minimum": 1, "maximum": crate::devices::ID_MAX });
    let abilities = json!({ "type": "array", "maxItems": 100, "items": { "type": "string", "minLength": 1, "maxLength": 200 } });
    let network = json!({ "type": "string", "description": "192.168.1.20, 10.0.0.0/8, 2001:db8::/32" });
    let allow = json!({ "type": "array", "maxItems": 100, "items": network, "description": "Whence it may come; anywhere if empty" });
    let time = json!({ "type": "string", "format": "date-time" });
    let token = json!({ "type": "string", "description": "Told this once; only its hash is kept" });
    let known = Map::from_iter([
        ("id".to_owned(), json!({ "type": "integer", "minimum": 1 })),
        ("name".to_owned(), text.clone()),
        ("type".to_owned(), kind.clone()),
        ("store".to_owned(), text.clone()),
        ("abilities".to_owned(), abilities.clone()),
        ("allow".to_owned(), allow.clone()),
        ("blocked".to_owned(), json!({ "type": "boolean" })),
        ("created_at".to_owned(), time.clone()),
        ("token_at".to_owned(), time),
    ]);
    let mut with_token = known.clone();
    with_token.insert("token".into(), token.clone());
    let object = |properties: Value| {
        let required: Vec<String> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
        json!({ "type": "object", "required": required, "properties": properties })
    };
    let socket = json!({ "type": "string", "pattern": r"^[0-9]+\.[0-9]+$", "description": "Of the connection that is to be the device's" });
    let signature = json!({ "type": "string", "description": "The app's key, a colon, and the signature" });
    let nullable = |schema: &Value| json!({ "anyOf": [schema, { "type": "null" }] });
    let named = [
        ("Device", object(Value::Object(known))),
        ("DeviceWithToken", object(Value::Object(with_token))),
        (
            "NewDevice",
            json!({
                "type": "object", "required": ["type"], "additionalProperties": false,
                "properties": {
                    "id": nullable(&json!({ "allOf": [id], "description": "The next one, if it is not said" })),
                    "name": text, "type": kind, "store": text, "abilities": abilities, "allow": allow,
                },
            }),
        ),
        (
            "DeviceChange",
            json!({
                "type": "object", "additionalProperties": false,
                "properties": {
                    "name": nullable(&text), "type": nullable(&kind), "store": nullable(&text),
                    "abilities": nullable(&abilities), "allow": nullable(&allow), "blocked": { "type": ["boolean", "null"] },
                },
            }),
        ),
        (
            "DeviceVerification",
            json!({
                "type": "object", "required": ["token"], "additionalProperties": false,
                "properties": {
                    "token": { "type": "string" },
                    "ability": { "type": ["string", "null"], "description": "One that it has to have" },
                    "ip": { "type": ["string", "null"], "description": "Where the client came from; not looked at if it is not said" },
                },
            }),
        ),
        ("SubscriptionToSign", object(json!({ "socket_id": socket, "channel_name": { "type": "string" } }))),
        (
            "SignedSubscription",
            json!({
                "type": "object", "required": ["auth"],
                "properties": { "auth": signature, "channel_data": { "type": "string", "description": "JSON: who the member is, on channels with presence" } },
            }),
        ),
        ("UserToSign", object(json!({ "socket_id": socket }))),
        ("SignedUser", object(json!({ "auth": signature, "user_data": { "type": "string", "description": "JSON: who the user is" } }))),
    ];
    into.extend(named.map(|(name, schema)| (name.to_owned(), schema)));
}
