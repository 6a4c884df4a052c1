//! A service behind the gateway: a real server on a free port, which can be told to fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use axum::extract::Request;
use axum::response::IntoResponse as _;
use serde_json::json;

/// A running service; it ends with the test's runtime.
pub struct Upstream {
    pub url: String,
    pub failing: Arc<AtomicBool>,
    pub seen: Arc<AtomicU64>,
}

impl Upstream {
    /// Answers every request with its path and query, and with `name`.
    pub async fn start(name: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (failing, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (fails, sees) = (Arc::clone(&failing), Arc::clone(&seen));
        let answer = move |request: Request| {
            let (failing, seen) = (Arc::clone(&fails), Arc::clone(&sees));
            async move {
                seen.fetch_add(1, Relaxed);
                if failing.load(Relaxed) {
                    return http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
                }
                axum::Json(json!({ "service": name, "path": request.uri().to_string() })).into_response()
            }
        };
        tokio::spawn(
            async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() },
        );
        Self { url, failing, seen }
    }
}
