//! TLS, HTTP/2 and proxies.

use std::time::Duration;

use waypost::ErrorKind;
use waypost::engine::FailureKind;
use waypost::transport::Proxy;

use crate::support::client::{Kind, call, causes, transport};
use crate::support::on_each_transport;
use crate::support::operations::{ONCE, READ};
use crate::support::secure::{Authority, version_server};
use crate::support::server::{Act, Server, answer, json};

async fn a_private_authority_is_trusted_when_it_is_given(kind: Kind) {
    let authority = Authority::new();
    let server = Server::start_tls([json(200, r#"{"a":1}"#)], authority.acceptor("127.0.0.1", &[])).await;
    let client = kind.builder(&server.url()).ca_bundle(authority.pem()).build().unwrap();
    assert_eq!(call(&client, &READ).await.unwrap().bytes(), r#"{"a":1}"#);
}

async fn an_unknown_authority_and_a_wrong_name_are_refused_and_not_tried_again(kind: Kind) {
    let (authority, other) = (Authority::new(), Authority::new());
    for (name, trusted) in [("127.0.0.1", other.pem()), ("example.com", authority.pem())] {
        let server = Server::start_tls([json(200, "{}")], authority.acceptor(name, &[])).await;
        let client = kind.builder(&server.url()).ca_bundle(trusted).build().unwrap();
        let error = call(&client, &ONCE).await.unwrap_err();
        assert_eq!(
            (error.kind(), causes(&error)),
            (ErrorKind::Connection, vec![transport(FailureKind::Tls)]),
            "{error}"
        );
        assert!(error.to_string().contains("certificate"), "{error}");
        assert_eq!(server.requests().len(), 0);
    }
}

async fn a_ca_bundle_without_certificates_is_a_mistake_at_once(kind: Kind) {
    for pem in ["", "not PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"] {
        let error = kind.builder("https://localhost").ca_bundle(pem).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{pem:?}");
        assert!(error.to_string().contains("PEM"), "{error}");
    }
}

async fn http_2_is_agreed_on_with_tls_and_http_1_where_the_server_wants_it(kind: Kind) {
    let authority = Authority::new();
    for (protocols, version) in [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"], "HTTP/1.1")] {
        let port = version_server(Some(authority.acceptor("127.0.0.1", protocols))).await;
        let client =
            kind.builder(&format!("https://127.0.0.1:{port}")).ca_bundle(authority.pem()).build().unwrap();
        for _ in 0..2 {
            assert_eq!(call(&client, &READ).await.unwrap().bytes(), format!(r#"{{"version":"{version}"}}"#));
        }
    }
}

async fn http_2_without_tls_is_spoken_when_asked_for(kind: Kind) {
    let port = version_server(None).await;
    let url = format!("http://127.0.0.1:{port}");
    let client = kind.builder(&url).transport_options(|options| options.http2_only = true).build().unwrap();
    assert_eq!(call(&client, &READ).await.unwrap().bytes(), r#"{"version":"HTTP/2.0"}"#);
}

async fn a_connection_that_does_not_open_ends_at_its_own_timeout(kind: Kind) {
    // The handshake is never answered.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}", server.local_addr().unwrap().port());
    let client = kind.builder(&url).connect_timeout(Duration::from_millis(80)).retries(1).build().unwrap();
    let error = call(&client, &ONCE).await.unwrap_err();
    assert_eq!(
        causes(&error),
        [transport(FailureKind::Timeout); 2],
        "nothing was sent, so it was tried again: {error}"
    );
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

async fn a_proxy_is_asked_for_the_whole_url_and_gets_its_credentials(kind: Kind) {
    let proxy = Server::start([json(200, r#"{"via":1}"#)]).await;
    let url = format!("http://me:proxypass@127.0.0.1:{}", proxy.port);
    let client = kind.builder("http://api.invalid/prefix").proxy(Proxy::through(url)).build().unwrap();
    assert_eq!(call(&client, &READ).await.unwrap().bytes(), r#"{"via":1}"#);
    let request = &proxy.requests()[0];
    assert_eq!(request.target, "http://api.invalid/prefix/things");
    assert_eq!(request.header("host"), Some("api.invalid"));
    assert_eq!(request.header("proxy-authorization"), Some("Basic bWU6cHJveHlwYXNz"));
    assert!(!format!("{client:?}").contains("proxypass"));
}

async fn tls_goes_through_a_tunnel_that_sees_no_credentials(kind: Kind) {
    let refusal = Act::Close(answer(407, &[], b""));
    let proxy = Server::start([refusal]).await;
    let url = format!("http://me:proxypass@127.0.0.1:{}", proxy.port);
    let client = kind.builder("https://api.invalid").proxy(Proxy::through(url)).retries(0).build().unwrap();
    let error = call(&client, &READ).await.unwrap_err();
    assert_eq!(causes(&error), [transport(FailureKind::Connect)], "{error}");
    let request = &proxy.requests()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", "api.invalid:443"));
    assert!(request.header("proxy-authorization").is_some() && request.header("x-api-key").is_none());
    assert!(!format!("{error} {error:?} {}", error.failure().advice).contains("proxypass"));
}

async fn a_tunnel_carries_tls_to_the_server(kind: Kind) {
    let authority = Authority::new();
    let server = Server::start_tls([json(200, r#"{"a":1}"#)], authority.acceptor("127.0.0.1", &[])).await;
    let proxy = tunnel_proxy().await;
    let client = kind
        .builder(&server.url())
        .ca_bundle(authority.pem())
        .proxy(Proxy::through(format!("http://127.0.0.1:{proxy}")))
        .build()
        .unwrap();
    assert_eq!(call(&client, &READ).await.unwrap().bytes(), r#"{"a":1}"#);
}

async fn a_host_that_is_excepted_is_reached_without_the_proxy(kind: Kind) {
    let (proxy, server) = (Server::start([]).await, Server::start([json(200, "{}")]).await);
    let through = Proxy::Through { url: proxy.url(), except: "localhost,127.0.0.0/8".to_owned() };
    let client = kind.builder(&server.url()).proxy(through).build().unwrap();
    call(&client, &READ).await.unwrap();
    assert_eq!((proxy.connections(), server.connections()), (0, 1));
}

/// A proxy that opens tunnels.
async fn tunnel_proxy() -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                let mut server = tokio::net::TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

on_each_transport!(
    a_private_authority_is_trusted_when_it_is_given,
    an_unknown_authority_and_a_wrong_name_are_refused_and_not_tried_again,
    a_ca_bundle_without_certificates_is_a_mistake_at_once,
    http_2_is_agreed_on_with_tls_and_http_1_where_the_server_wants_it,
    http_2_without_tls_is_spoken_when_asked_for,
    a_connection_that_does_not_open_ends_at_its_own_timeout,
    a_proxy_is_asked_for_the_whole_url_and_gets_its_credentials,
    tls_goes_through_a_tunnel_that_sees_no_credentials,
    a_tunnel_carries_tls_to_the_server,
    a_host_that_is_excepted_is_reached_without_the_proxy,
);
