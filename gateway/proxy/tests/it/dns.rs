//! Targets found in the DNS: a real server on a loopback port, whose records change, vanish and come back, and which fails.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use crate::support::{Act, Running, Target, simple, until};

/// How the server answers.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Failing,
    Silent,
}

struct Zone {
    records: HashMap<(String, RecordType), Vec<Record>>,
    mood: Mood,
}

/// A server with authority over one zone. It answers over UDP.
struct Dns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Dns {
    async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone { records: HashMap::new(), mood: Mood::Well }));
        let asked = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(socket, Arc::clone(&zone), Arc::clone(&asked)));
        Self { address, zone, asked, task }
    }

    fn set(&self, name: &str, kind: RecordType, ttl: u32, data: impl IntoIterator<Item = RData>) {
        let owner = Name::from_ascii(name).unwrap();
        let records = data.into_iter().map(|data| Record::from_rdata(owner.clone(), ttl, data)).collect();
        self.zone.lock().unwrap().records.insert((name.to_owned(), kind), records);
    }

    /// The addresses `127.0.0.x` of a name.
    fn addresses(&self, name: &str, ttl: u32, last: &[u8]) {
        let addresses = last.iter().map(|last| RData::A(A(Ipv4Addr::new(127, 0, 0, *last))));
        self.set(name, RecordType::A, ttl, addresses);
    }

    fn forget(&self, name: &str) {
        self.zone.lock().unwrap().records.retain(|(known, _), _| known != name);
    }

    fn be(&self, mood: Mood) {
        self.zone.lock().unwrap().mood = mood;
    }

    fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }

    /// Waits until it was asked some more.
    async fn asked_again(&self) {
        let before = self.asked();
        until("the server is asked again", || self.asked() > before + 4).await;
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>, asked: Arc<AtomicUsize>) {
    let mut buffer = [0; 1500];
    while let Ok((size, peer)) = socket.recv_from(&mut buffer).await {
        let Ok(request) = Message::from_vec(&buffer[..size]) else { continue };
        let Some(query) = request.queries.first().cloned() else { continue };
        asked.fetch_add(1, Relaxed);
        let mut answer = Message::response(request.metadata.id, request.metadata.op_code);
        answer.add_query(query.clone());
        answer.metadata.authoritative = true;
        {
            let zone = zone.lock().unwrap();
            let name = query.name().to_ascii();
            let known = zone.records.keys().any(|(known, _)| *known == name);
            match zone.mood {
                Mood::Silent => continue,
                Mood::Failing => answer.metadata.response_code = ResponseCode::ServFail,
                Mood::Well if !known => answer.metadata.response_code = ResponseCode::NXDomain,
                Mood::Well => {
                    let records = zone.records.get(&(name, query.query_type()));
                    answer.add_answers(records.into_iter().flatten().cloned());
                }
            }
        }
        let _ = socket.send_to(&answer.to_vec().unwrap(), peer).await;
    }
}

const ONE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
const TWO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo";

/// Two targets with one port at two addresses, `127.0.0.1` and `127.0.0.2`.
async fn pair() -> (u16, [Target; 2]) {
    loop {
        let one = Target::new(Act::Answer(ONE)).await;
        let port: u16 = one.url.rsplit(':').next().unwrap().parse().unwrap();
        if let Ok(two) = Target::at(&format!("127.0.0.2:{port}"), |_| Act::Answer(TWO)).await {
            return (port, [one, two]);
        }
    }
}

fn discovering(discovery: Value) -> Running {
    let mut config = simple(&[]);
    config["services"]["all"]["discover"] = discovery;
    Running::new(config)
}

fn targets(proxy: &Running) -> Vec<String> {
    proxy.proxy.seen().services[0].targets.iter().map(|target| target.url.clone()).collect()
}

/// Which targets answer.
async fn answers(proxy: &Running) -> String {
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        seen.push(answer[answer.len() - 3..].to_owned());
    }
    seen.sort();
    seen.dedup();
    seen.join(" ")
}

#[tokio::test]
async fn addresses_of_a_name_come_and_go_and_the_last_ones_stay_when_it_vanishes() {
    let (dns, (port, _targets)) = (Dns::new().await, pair().await);
    dns.addresses("orders.test.", 60, &[1]);
    let proxy = discovering(json!({ "dns": {
        "url": format!("http://orders.test:{port}"), "refresh": "20ms", "servers": [dns.address.to_string()],
    } }));
    let at = |last: &[u8]| -> Vec<String> {
        last.iter().map(|last| format!("http://127.0.0.{last}:{port}")).collect()
    };
    until("the first address is found", || targets(&proxy) == at(&[1])).await;
    assert_eq!(answers(&proxy).await, "one");
    dns.addresses("orders.test.", 60, &[2, 1]);
    until("a second one is found", || targets(&proxy) == at(&[1, 2])).await;
    assert_eq!(answers(&proxy).await, "one two");
    dns.addresses("orders.test.", 60, &[2]);
    until("the first one is gone", || targets(&proxy) == at(&[2])).await;
    assert_eq!(answers(&proxy).await, "two");
    dns.forget("orders.test.");
    dns.asked_again().await;
    assert_eq!((targets(&proxy), answers(&proxy).await.as_str()), (at(&[2]), "two"));
    dns.addresses("orders.test.", 60, &[1]);
    until("the name is back", || targets(&proxy) == at(&[1])).await;
    assert_eq!(answers(&proxy).await, "one");
}

#[tokio::test]
async fn a_server_that_fails_or_is_silent_leaves_the_last_targets() {
    let (dns, (port, _targets)) = (Dns::new().await, pair().await);
    dns.addresses("orders.test.", 60, &[1]);
    let proxy = discovering(json!({ "dns": {
        "url": format!("http://orders.test:{port}"), "refresh": "20ms", "servers": [dns.address.to_string()],
    } }));
    until("the address is found", || targets(&proxy).len() == 1).await;
    for mood in [Mood::Failing, Mood::Silent] {
        dns.be(mood);
        dns.addresses("orders.test.", 60, &[2]);
        let before = dns.asked();
        until("it is asked in vain", || dns.asked() > before + 1).await;
        assert_eq!(answers(&proxy).await, "one");
        dns.be(Mood::Well);
        until("its answer is taken", || targets(&proxy) == [format!("http://127.0.0.2:{port}")]).await;
        dns.addresses("orders.test.", 60, &[1]);
        until("and the next", || targets(&proxy) == [format!("http://127.0.0.1:{port}")]).await;
    }
}

#[tokio::test]
async fn a_record_is_looked_up_again_when_its_time_is_over_and_not_before() {
    let (dns, (port, _targets)) = (Dns::new().await, pair().await);
    dns.addresses("orders.test.", 1, &[1]);
    let proxy = discovering(json!({ "dns": {
        "url": format!("http://orders.test:{port}"), "refresh": "1h", "servers": [dns.address.to_string()],
    } }));
    until("the address is found", || targets(&proxy).len() == 1).await;
    dns.addresses("orders.test.", 3600, &[2]);
    let first = dns.asked();
    until("it is looked up after its second", || targets(&proxy) == [format!("http://127.0.0.2:{port}")])
        .await;
    let second = dns.asked();
    assert!(second > first);
    dns.addresses("orders.test.", 3600, &[1]);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(dns.asked(), second, "what holds for an hour is not asked for");
}

#[tokio::test]
async fn srv_records_name_hosts_ports_and_priorities_and_say_that_there_is_none() {
    let (dns, (port, targets_of)) = (Dns::new().await, pair().await);
    let name = "_http._tcp.orders.test.";
    let srv = |priority, weight, host: &str| {
        RData::SRV(SRV::new(priority, weight, port, Name::from_ascii(host).unwrap()))
    };
    dns.addresses("a.test.", 60, &[1]);
    dns.addresses("b.test.", 60, &[2]);
    dns.set(
        name,
        RecordType::SRV,
        60,
        [srv(10, 5, "a.test."), srv(20, 0, "b.test."), srv(10, 5, "gone.test.")],
    );
    let proxy = discovering(json!({ "srv": {
        "name": name, "refresh": "20ms", "servers": [dns.address.to_string()],
    } }));
    until("both hosts that are there are found", || targets(&proxy).len() == 2).await;
    assert_eq!(answers(&proxy).await, "one", "the lower priority goes first");
    dns.set(name, RecordType::SRV, 60, [srv(20, 5, "a.test."), srv(10, 1, "b.test.")]);
    let before = targets_of[1].count();
    until("priorities are turned round", || proxy.proxy.seen().services[0].targets[0].weight == 1).await;
    assert_eq!(answers(&proxy).await, "two");
    assert!(targets_of[1].count() > before);
    // The host's addresses are looked up again with its records.
    dns.addresses("b.test.", 60, &[1]);
    until("the host has moved", || targets(&proxy) == [format!("http://127.0.0.1:{port}")]).await;
    dns.set(name, RecordType::SRV, 60, [srv(0, 0, ".")]);
    until("the service is not available, decidedly", || targets(&proxy).is_empty()).await;
    let answer = proxy.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("application/problem+json"), "{answer}");
    dns.set(name, RecordType::SRV, 60, [srv(0, 0, "b.test.")]);
    until("it is back", || targets(&proxy).len() == 1).await;
    assert_eq!(answers(&proxy).await, "one");
}
