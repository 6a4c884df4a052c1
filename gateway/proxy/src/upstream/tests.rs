//! A service as requests and its background work see it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Asker, Outcome, PickBy, Policy, Services, Target};
use crate::body::BodyError;
use crate::config::{self, Balance, Discovery, FileDiscovery, StickyCookie, Time};

fn written(urls: &[&str]) -> config::Service {
    let targets = urls.iter().map(|url| config::Target::Url((*url).to_owned())).collect();
    config::Service { targets, ..config::Service::default() }
}

fn by(headers: &HeaderMap) -> PickBy<'_> {
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    PickBy { client, secure: false, caller: None, path: "/", query: None, headers }
}

const NAMES: [&str; 3] = ["http://a:1", "http://b:1", "http://c:1"];

#[test]
fn one_that_fails_is_left_out_for_a_while_and_one_always_remains() {
    let services = Services::new([0; 32]);
    let now = Instant::now();
    let (service, _) = services.of("orders", Policy::new(&written(&NAMES)).unwrap(), now);
    let headers = HeaderMap::new();
    // Everything fails from now on; at most half of three may be left out.
    for _ in 0..100 {
        let picked = service.pick(now, &by(&headers), &[]).expect("one always remains");
        picked.report(Outcome::Failed, Duration::ZERO, now);
    }
    let ejected =
        |now| service.status(now).targets.iter().filter(|one| one.ejected_seconds.is_some()).count();
    assert_eq!(ejected(now), 1);
    assert_eq!(ejected(now + Duration::from_secs(31)), 0);
    assert!(service.status(now).targets.iter().all(|target| target.in_flight == 0));
}

#[test]
fn a_second_try_goes_elsewhere_while_there_is_anywhere() {
    let services = Services::new([0; 32]);
    let now = Instant::now();
    let (service, _) = services.of("orders", Policy::new(&written(&NAMES[..2])).unwrap(), now);
    let headers = HeaderMap::new();
    let first = service.pick(now, &by(&headers), &[]).unwrap();
    let second = service.pick(now, &by(&headers), &[Arc::clone(first.target())]).unwrap();
    assert_ne!(first.target().key(), second.target().key());
    let tried = [Arc::clone(first.target()), Arc::clone(second.target())];
    assert!(service.pick(now, &by(&headers), &tried).is_some());
}

#[test]
fn a_new_configuration_keeps_what_is_known_of_a_target() {
    let services = Services::new([0; 32]);
    let now = Instant::now();
    let (service, new) = services.of("orders", Policy::new(&written(&NAMES[..1])).unwrap(), now);
    assert!(new);
    let headers = HeaderMap::new();
    let held = service.pick(now, &by(&headers), &[]).unwrap();
    let (same, new) = services.of("orders", Policy::new(&written(&NAMES)).unwrap(), now);
    assert!(!new && Arc::ptr_eq(&service, &same));
    let flights: Vec<_> = service.status(now).targets.iter().map(|target| target.in_flight).collect();
    assert_eq!(flights, [1, 0, 0]);
    drop(held);
    assert_eq!(service.targets()[0].in_flight(), 0);
}

#[test]
fn a_caller_stays_with_its_target_by_the_cookie() {
    let services = Services::new([7; 32]);
    let now = Instant::now();
    let sticky = config::Service { balance: Balance::Sticky(StickyCookie::default()), ..written(&NAMES) };
    let (service, _) = services.of("orders", Policy::new(&sticky).unwrap(), now);
    let mut headers = HeaderMap::new();
    let first = service.pick(now, &by(&headers), &[]).unwrap();
    let cookie = first.cookie().unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
    headers.insert(header::COOKIE, HeaderValue::try_from(cookie).unwrap());
    for _ in 0..10 {
        let again = service.pick(now, &by(&headers), &[]).unwrap();
        assert!(Arc::ptr_eq(first.target(), again.target()) && again.cookie().is_none());
    }
    headers.insert(
        header::COOKIE,
        HeaderValue::from_static("waypost_target=0000000000000000.0.AAAAAAAAAAAAAAAAAAAAAA"),
    );
    assert!(service.pick(now, &by(&headers), &[]).unwrap().cookie().is_some());
}

struct Nobody;

impl Asker for Nobody {
    fn ask<'a>(&'a self, _: &'a Arc<Target>, _: &'a str) -> BoxFuture<'a, Result<StatusCode, BodyError>> {
        Box::pin(async { Err("nobody".into()) })
    }
}

#[tokio::test]
async fn a_file_is_followed_and_a_dead_target_is_found() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let alive = format!("http://{}", listener.local_addr().unwrap());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("targets.yaml");
    std::fs::write(&path, format!("- {alive}\n")).unwrap();
    let health = config::Health {
        active: Some(config::ActiveHealth {
            interval: Time::ms(10),
            unhealthy: 2,
            ..config::ActiveHealth::default()
        }),
        ..config::Health::default()
    };
    let file = FileDiscovery { path: path.clone(), refresh: Time::ms(10) };
    let written =
        config::Service { discover: Some(Discovery::File(file)), health, ..config::Service::default() };
    let services = Services::new([0; 32]);
    let (service, _) = services.of("orders", Policy::new(&written).unwrap(), Instant::now());
    assert!(!service.is_settled());
    let work = tokio::spawn(Arc::clone(&service).run(Arc::new(Nobody)));
    let until = async |holds: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", service.status(Instant::now()));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    until(&|| service.targets().len() == 1).await;
    std::fs::write(&path, format!("- {alive}\n- {dead}\n")).unwrap();
    let healthy =
        || service.status(Instant::now()).targets.iter().map(|target| target.healthy).collect::<Vec<_>>();
    until(&|| healthy() == [true, false]).await;
    std::fs::remove_file(&path).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(healthy(), [true, false], "the last answer holds");
    work.abort();
}
