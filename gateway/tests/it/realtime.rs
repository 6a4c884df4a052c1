//! WebSockets: who is let in and for how long, what comes, in which order, and how sockets end. The client is not ours.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{App, User};

/// A client's end of a socket.
struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// How a handshake went.
async fn connect(app: &App, query: &str, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
    let mut request = format!("ws://{}/v1/ws{query}", app.address).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Client(socket)),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// A socket of somebody who may read events.
async fn open(app: &App, user: &User<'_>) -> Client {
    let mut client =
        connect(app, "", &[("authorization", &format!("Bearer {}", user.access_token))]).await.unwrap();
    assert_eq!(client.next().await["type"], "ready");
    client
}

impl Client {
    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Message {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.0.next());
            match next.await.expect("nothing comes").expect("the connection ended").expect("broken") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next message.
    async fn next(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The code that the socket ends with; what comes before is passed over.
    async fn end(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.message().await {
                return frame.expect("no code").code.into();
            }
        }
    }

    /// Subscribes, and answers what came before the subscription began.
    async fn subscribe(&mut self, message: Value) -> Vec<Value> {
        self.say(message).await;
        let mut before = Vec::new();
        loop {
            let next = self.next().await;
            if next["type"] == "subscribed" {
                return before;
            }
            assert_eq!(next["type"], "event", "{next}");
            before.push(next);
        }
    }
}

async fn publish(user: &User<'_>, kind: &str, number: usize) -> String {
    let event = json!({ "type": kind, "subject": format!("s-{}", number % 2), "data": { "number": number } });
    user.post("/v1/events").json(event).send().await.expect(201).string("/id")
}

fn number(message: &Value) -> u64 {
    message["event"]["data"]["number"].as_u64().unwrap_or_else(|| panic!("{message}"))
}

#[tokio::test]
async fn callers_are_known_by_header_by_first_message_and_by_a_ticket_that_works_once() {
    let app = App::start().await;
    let user = app.register().await;
    let key = user.api_key(&["events:read"]).await;
    let bearer = format!("Bearer {}", user.access_token);
    for header in [("authorization", bearer.as_str()), ("x-api-key", key.as_str())] {
        let ready = connect(&app, "", &[header]).await.unwrap().next().await;
        assert_eq!((&ready["type"], &ready["tenant_id"]), (&json!("ready"), &json!(user.tenant_id().await)));
    }
    for (field, secret) in [("token", user.access_token.as_str()), ("api_key", key.as_str())] {
        let mut client = connect(&app, "", &[]).await.unwrap();
        client.say(json!({ "type": "authenticate", field: secret })).await;
        assert_eq!(client.next().await["type"], "ready", "{field}");
    }
    let ticket = async || user.post("/v1/ws/tickets").send().await.expect(201).string("/ticket");
    let used = ticket().await;
    let mut client = connect(&app, &format!("?ticket={used}"), &[]).await.unwrap();
    assert_eq!(client.next().await["type"], "ready");
    assert_eq!(connect(&app, &format!("?ticket={used}"), &[]).await.err(), Some(401));
    let mut client = connect(&app, "", &[]).await.unwrap();
    client.say(json!({ "type": "authenticate", "ticket": ticket().await })).await;
    assert_eq!(client.next().await["type"], "ready");
}

#[tokio::test]
async fn who_is_not_known_or_may_not_read_events_is_refused() {
    let app = App::start().await;
    let user = app.register().await;
    assert_eq!(connect(&app, "", &[("x-api-key", "wpk_nonsense")]).await.err(), Some(401));
    assert_eq!(connect(&app, "?ticket=wpt_nonsense", &[]).await.err(), Some(401));
    let weak = user.api_key(&["wallets:read"]).await;
    assert_eq!(connect(&app, "", &[("x-api-key", &weak)]).await.err(), Some(403));
    app.get("/v1/ws").send().await.problem(426, "upgrade_required");
    for (message, code) in [
        (json!({ "type": "authenticate", "token": "nonsense" }), 4401),
        (json!({ "type": "authenticate", "api_key": weak }), 4403),
        (json!({ "type": "authenticate" }), 4401),
        (json!({ "type": "subscribe", "id": "a" }), 4401),
    ] {
        let mut client = connect(&app, "", &[]).await.unwrap();
        client.say(message.clone()).await;
        assert_eq!(client.end().await, code, "{message}");
    }
    // Whoever says nothing is not waited for.
    assert_eq!(connect(&app, "", &[]).await.unwrap().end().await, 4408);
}

#[tokio::test]
async fn a_socket_ends_with_the_credential_it_was_opened_with() {
    let app = App::start().await;
    let user = app.register().await;
    let key = json!({ "name": "a", "permissions": ["events:read"] });
    let made = user.post("/v1/api_keys").json(key).send().await.expect(201);
    let (id, secret) = (made.string("/api_key/id"), made.string("/secret"));
    let mut by_key = connect(&app, "", &[("x-api-key", &secret)]).await.unwrap();
    let ticket = app.post("/v1/ws/tickets").api_key(&secret).send().await.expect(201).string("/ticket");
    let mut by_ticket = connect(&app, &format!("?ticket={ticket}"), &[]).await.unwrap();
    let mut by_session = open(&app, &user).await;
    assert_eq!(
        (by_key.next().await["type"].clone(), by_ticket.next().await["type"].clone()),
        (json!("ready"), json!("ready"))
    );
    user.ask("DELETE", &format!("/v1/api_keys/{id}")).send().await.expect(204);
    assert_eq!((by_key.end().await, by_ticket.end().await), (4401, 4401));
    // Those of another credential go on.
    by_session.say(json!({ "type": "ping" })).await;
    assert_eq!(by_session.next().await["type"], "pong");
}

#[tokio::test]
async fn a_socket_gets_what_fits_any_of_its_subscriptions_once_and_in_order() {
    let app = App::start().await;
    let (user, stranger) = (app.register().await, app.register().await);
    let mut client = open(&app, &user).await;
    client.subscribe(json!({ "type": "subscribe", "id": "orders", "types": ["order.*"] })).await;
    client.subscribe(json!({ "type": "subscribe", "id": "even", "subject": "s-0", "types": ["order.made", "visit.*"] })).await;
    publish(&stranger, "order.made", 99).await;
    for (number, kind) in
        ["order.made", "visit.begun", "visit.ended", "orders.x", "order.sent"].iter().enumerate()
    {
        publish(&user, kind, number).await;
    }
    let mut got = Vec::new();
    for _ in 0..3 {
        got.push(number(&client.next().await));
    }
    assert_eq!(got, [0, 2, 4]);
    client.say(json!({ "type": "unsubscribe", "id": "orders" })).await;
    assert_eq!(client.next().await, json!({ "type": "unsubscribed", "id": "orders" }));
    publish(&user, "order.sent", 5).await;
    publish(&user, "visit.begun", 6).await;
    assert_eq!(number(&client.next().await), 6);
}

#[tokio::test]
async fn whoever_resumes_misses_nothing_and_gets_nothing_twice() {
    let app = App::start().await;
    let user = app.register().await;
    let first = publish(&user, "order.made", 0).await;
    let all = 300;
    let publishing = async {
        for number in 1..=all {
            publish(&user, "order.made", number).await;
        }
    };
    let reading = async {
        let mut cursor = first.clone();
        let mut got = Vec::new();
        // Again and again somebody else, who goes on where the one before was.
        while got.len() < all {
            let mut client = open(&app, &user).await;
            client
                .say(json!({ "type": "subscribe", "id": "a", "types": ["order.*"], "after": cursor }))
                .await;
            for _ in 0..40 {
                if got.len() == all {
                    break;
                }
                let message = client.next().await;
                if message["type"] == "event" {
                    cursor = message["event"]["id"].as_str().unwrap().to_owned();
                    got.push(usize::try_from(number(&message)).unwrap());
                }
            }
        }
        got
    };
    let ((), got) = tokio::join!(publishing, reading);
    assert_eq!(got, (1..=all).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_the_caller_may_not_see_does_not_come() {
    let app = App::start().await;
    let user = app.register().await;
    let key = user.api_key(&["events:read"]).await;
    let mut client = connect(&app, "", &[("x-api-key", &key)]).await.unwrap();
    client.next().await;
    let since_ever =
        json!({ "type": "subscribe", "id": "a", "after": "evt_00000000000070008000000000000000" });
    for event in client.subscribe(since_ever).await {
        let kind = event["event"]["type"].as_str().unwrap();
        assert!(!kind.starts_with("auth.") && !kind.starts_with("key."), "{kind}");
    }
    user.api_key(&["wallets:read"]).await;
    user.wallet("EUR").await;
    assert_eq!(client.next().await["event"]["type"], "wallet.created");
}

#[tokio::test]
async fn broadcasts_reach_the_tenant_or_everybody_at_every_gateway() {
    let app = App::start().await;
    let other = app.beside().await;
    let (user, stranger) = (app.register().await, app.register().await);
    let mut sockets = [open(&app, &user).await, open(&other, &user).await];
    let mut strangers = open(&app, &stranger).await;
    let body = json!({ "topic": "news", "data": { "a": 1 } });
    let sent = user.post("/v1/ws/broadcasts").json(body.clone()).send().await.expect(201).json();
    for socket in &mut sockets {
        let message = socket.next().await;
        let expected = json!({ "type": "broadcast", "id": sent["id"], "scope": "tenant", "topic": "news", "time": sent["time"], "data": { "a": 1 } });
        assert_eq!(message, expected);
    }
    user.post("/v1/ws/server_broadcasts").json(body.clone()).send().await.problem(403, "permission_denied");
    let operator = User::admin(&app).await;
    operator.post("/v1/ws/server_broadcasts").json(body).send().await.expect(201);
    for socket in sockets.iter_mut().chain([&mut strangers]) {
        assert_eq!(socket.next().await["scope"], "server");
    }
}

#[tokio::test]
async fn wrong_messages_are_refused_by_name_and_the_socket_stays() {
    let app = App::start().await;
    let user = app.register().await;
    let mut client = open(&app, &user).await;
    client.subscribe(json!({ "type": "subscribe", "id": "a" })).await;
    for (message, code) in [
        (json!({ "type": "nonsense" }), "invalid_message"),
        (json!({ "type": "subscribe", "id": "b", "typs": ["x"] }), "invalid_message"),
        (json!({ "type": "subscribe", "id": "" }), "invalid_id"),
        (json!({ "type": "subscribe", "id": "a" }), "duplicate_id"),
        (json!({ "type": "subscribe", "id": "b", "types": ["*.x"] }), "invalid_filter"),
        (json!({ "type": "subscribe", "id": "b", "after": "evt_x" }), "invalid_cursor"),
        (json!({ "type": "unsubscribe", "id": "b" }), "unknown_subscription"),
        (json!({ "type": "authenticate", "token": "x" }), "already_authenticated"),
    ] {
        client.say(message.clone()).await;
        let told = client.next().await;
        assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!(code)), "{message}");
    }
    for number in 1..32 {
        client.subscribe(json!({ "type": "subscribe", "id": number.to_string() })).await;
    }
    client.say(json!({ "type": "subscribe", "id": "one more" })).await;
    assert_eq!(client.next().await["code"], "too_many_subscriptions");
}

#[tokio::test]
async fn a_tenant_and_an_address_have_so_many_sockets_and_no_more() {
    let app = App::start_with(|config| {
        config.realtime.sockets_per_tenant = 2;
        config.realtime.sockets_per_address = 4;
    })
    .await;
    let (user, other) = (app.register().await, app.register().await);
    let (_one, _two) = (open(&app, &user).await, open(&app, &user).await);
    let bearer = format!("Bearer {}", user.access_token);
    assert_eq!(connect(&app, "", &[("authorization", &bearer)]).await.unwrap().end().await, 4430);
    let (_three, four) = (open(&app, &other).await, open(&app, &other).await);
    assert_eq!(connect(&app, "", &[("authorization", &bearer)]).await.err(), Some(429));
    // A place is given back.
    drop(four);
    while connect(&app, "", &[]).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_silent_client_is_ended_and_one_that_answers_pings_is_not() {
    let app = App::start_with(|config| config.realtime.heartbeat = Duration::from_millis(500)).await;
    let user = app.register().await;
    let bearer = format!("Bearer {}", user.access_token);
    let mut lively = open(&app, &user).await;
    let mut silent = raw(&app, &bearer).await;
    lively.subscribe(json!({ "type": "subscribe", "id": "a", "types": ["order.made"] })).await;
    let mut rest = Vec::new();
    let silence = async {
        // It never answers: the code is the last that comes.
        silent.read_to_end(&mut rest).await.unwrap();
        publish(&user, "order.made", 1).await;
    };
    let ((), event) = tokio::join!(silence, lively.next());
    assert_eq!(number(&event), 1);
    assert_eq!(code(&rest), Some(4410));
}

#[tokio::test]
async fn a_gateway_that_stops_says_so() {
    let app = App::start().await;
    let user = app.register().await;
    let mut client = open(&app, &user).await;
    let (code, ()) = tokio::join!(client.end(), async { app.gateway.draining() });
    assert_eq!(code, 1001);
}

#[tokio::test]
async fn too_many_messages_end_the_socket() {
    let app = App::start().await;
    let user = app.register().await;
    let mut client = open(&app, &user).await;
    for _ in 0..200 {
        if client.0.feed(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
            break;
        }
    }
    client.0.flush().await.ok();
    assert_eq!(client.end().await, 4429);
}

/// A connection whose frames are written by hand, behind its handshake and the gateway's `ready`.
async fn raw(app: &App, bearer: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: {bearer}\r\n\r\n",
        app.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("heartbeat_seconds") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&seen));
    }
    let seen = String::from_utf8_lossy(&seen).to_ascii_lowercase();
    // The example of RFC 6455, section 1.3.
    assert!(seen.starts_with("http/1.1 101") && seen.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{seen}");
    stream
}

/// The code of the close frame at the end of these bytes.
fn code(bytes: &[u8]) -> Option<u16> {
    let place = bytes.iter().rposition(|byte| *byte == 0x88)?;
    Some(u16::from_be_bytes([*bytes.get(place + 2)?, *bytes.get(place + 3)?]))
}

/// A client's frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn frames_that_are_wrong_end_the_socket_with_the_code_that_says_how() {
    let app = App::start().await;
    let user = app.register().await;
    let bearer = format!("Bearer {}", user.access_token);
    let cases: [(&str, Vec<u8>, u16); 9] = [
        ("not masked", vec![0x81, 2, b'h', b'i'], 1002),
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("a reserved opcode", frame(0x83, b"{}"), 1002),
        ("a control frame in pieces", frame(0x09, b""), 1002),
        ("a control frame that is too long", frame(0x89, &[0; 126]), 1002),
        ("a continuation of nothing", frame(0x80, b"{}"), 1002),
        ("not UTF-8", frame(0x81, &[0xff, 0xfe]), 1007),
        ("binary", frame(0x82, b"{}"), 1003),
        ("too big", frame(0x81, &[b' '; 16 * 1024 + 1]), 1009),
    ];
    for (what, bytes, expected) in cases {
        let mut stream = raw(&app, &bearer).await;
        stream.write_all(&bytes).await.unwrap();
        // The goodbye is answered, so that the connection need not be waited for.
        stream.write_all(&frame(0x88, &expected.to_be_bytes())).await.ok();
        let mut rest = Vec::new();
        tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await.unwrap().ok();
        assert_eq!(code(&rest), Some(expected), "{what}: {rest:?}");
    }
    // A message in pieces is one message.
    let mut stream = raw(&app, &bearer).await;
    for piece in [frame(0x01, br#"{"type":"#), frame(0x89, b""), frame(0x80, br#""ping"}"#)] {
        stream.write_all(&piece).await.unwrap();
    }
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("pong") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_dropped_and_others_are_not_delayed() {
    let app = App::start().await;
    let user = app.register().await;
    let bearer = format!("Bearer {}", user.access_token);
    let mut quick = open(&app, &user).await;
    let mut slow = raw(&app, &bearer).await;
    // Broadcasts of 60 KiB fill what the kernel holds for a reader soon.
    let body = json!({ "topic": "big", "data": { "text": "x".repeat(60_000) } });
    for _ in 0..200 {
        user.post("/v1/ws/broadcasts").json(body.clone()).send().await.expect(201);
        assert_eq!(quick.next().await["topic"], "big");
    }
    // The quick one had all while the slow one had not begun; now the slow one reads what is there, and why there is no more.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.ok();
    assert_eq!(code(&rest[rest.len().saturating_sub(128)..]), Some(4409));
}
