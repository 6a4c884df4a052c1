//! A thousand configurations one after another, under load: no request is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use waypost_proxy::Config;

use crate::support::{Act, OK, Running, Target, simple};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_configurations_under_load_lose_no_request() {
    let targets = [Target::new(Act::Answer(OK)).await, Target::new(Act::Answer(OK)).await];
    let proxy = Running::to(std::slice::from_ref(&targets[0].url));
    let (over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (over, count, address) = (Arc::clone(&over), Arc::clone(&count), proxy.address);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut answer = vec![0; 4096];
                while !over.load(Ordering::Relaxed) {
                    stream
                        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
                        .await
                        .unwrap();
                    let read = stream.read(&mut answer).await.unwrap();
                    assert!(
                        answer[..read].starts_with(b"HTTP/1.1 200 "),
                        "{}",
                        String::from_utf8_lossy(&answer[..read])
                    );
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut last = 0;
    for swap in 0..1000_usize {
        let config: Config =
            serde_json::from_value(simple(std::slice::from_ref(&targets[swap % 2].url))).unwrap();
        proxy.proxy.apply(config).unwrap();
        // At least one request between any two.
        while count.load(Ordering::Relaxed) == last {
            tokio::task::yield_now().await;
        }
        last = count.load(Ordering::Relaxed);
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(targets.iter().all(|target| target.count() > 100));
}

#[tokio::test]
async fn a_bad_configuration_does_not_replace_a_good_one() {
    let target = Target::new(Act::Answer(OK)).await;
    let proxy = Running::to(std::slice::from_ref(&target.url));
    let mut bad = simple(&["ftp://a".to_owned(), "http://".to_owned()]);
    bad["routes"][0]["service"] = "none".into();
    let faults = proxy.proxy.apply(serde_json::from_value(bad).unwrap()).unwrap_err();
    assert_eq!(faults.len(), 3, "{faults:?}");
    let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
