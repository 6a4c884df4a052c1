//! Listeners that come and go with a configuration, while others are served.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Act, OK, Running, Target, simple, until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn listening(target: &Target, addresses: &[SocketAddr]) -> Value {
    let mut config = simple(std::slice::from_ref(&target.url));
    let listener = config["listeners"][0].clone();
    let at = |address: &SocketAddr| {
        let mut listener = listener.clone();
        listener["address"] = address.to_string().into();
        listener
    };
    config["listeners"] = addresses.iter().map(at).collect::<Vec<_>>().into();
    config
}

fn apply(proxy: &Running, config: Value) -> Result<(), String> {
    let config = serde_json::from_value(config).unwrap();
    proxy.proxy.apply(config).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(GET).await.unwrap();
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

fn refused(address: SocketAddr) -> bool {
    std::net::TcpStream::connect(address).is_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_added_is_listened_on_and_one_that_is_gone_ends_what_is_under_way() {
    let target = Target::new(Act::Answer(OK)).await;
    let (one, two) = (free(), free());
    let mut proxy = Running::new(listening(&target, &[one]));
    let mut kept = TcpStream::connect(one).await.unwrap();
    assert!(ask(&mut kept).await.starts_with("HTTP/1.1 200 "));
    assert!(refused(two));

    apply(&proxy, listening(&target, &[one, two])).unwrap();
    let mut new = TcpStream::connect(two).await.unwrap();
    assert!(ask(&mut new).await.starts_with("HTTP/1.1 200 "));
    assert!(
        ask(&mut kept).await.starts_with("HTTP/1.1 200 "),
        "the connection of the one that stays goes on"
    );

    apply(&proxy, listening(&target, &[two])).unwrap();
    until("nobody listens there any more", || refused(one)).await;
    assert_eq!(kept.read(&mut [0; 1]).await.unwrap(), 0, "a connection that waits is closed");
    assert!(ask(&mut new).await.starts_with("HTTP/1.1 200 "));
    proxy.stop();
    drop(new);
    proxy.ended().await;
    assert!(refused(two));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_written_otherwise_takes_the_place_of_the_old_one_without_a_gap() {
    let target = Target::new(Act::Answer(OK)).await;
    let address = free();
    let proxy = Running::new(listening(&target, &[address]));
    for turn in 0..20 {
        let mut config = listening(&target, &[address]);
        config["listeners"][0]["max_head"] = format!("{}KiB", 16 + turn).into();
        apply(&proxy, config).unwrap();
        for _ in 0..10 {
            let answer = ask(&mut TcpStream::connect(address).await.unwrap()).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    }
    let mut config = listening(&target, &[address]);
    config["listeners"][0]["workers"] = 3.into();
    apply(&proxy, config).unwrap();
    for _ in 0..20 {
        let answer = ask(&mut TcpStream::connect(address).await.unwrap()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_taken_leaves_the_configuration_that_was_there() {
    let target = Target::new(Act::Answer(OK)).await;
    let one = free();
    let proxy = Running::new(listening(&target, &[one]));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = listening(&target, &[taken.local_addr().unwrap()]);
    config["routes"] = json!([{ "name": "none", "match": { "path": "/*" }, "respond": { "status": 204 } }]);
    let told = apply(&proxy, config).unwrap_err();
    assert!(told.starts_with("listeners[0]: ") && told.contains("in use"), "{told}");
    let answer = ask(&mut TcpStream::connect(one).await.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
