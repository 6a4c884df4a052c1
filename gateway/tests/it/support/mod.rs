//! What the tests stand on: the real gateway in this process ([`App`]) or the real program ([`Program`]), a way of asking that
//! reads as a sentence ([`Ask`]), and the contract as the file says it ([`contract::Contract`]).
//!
//! ```ignore
//! let app = App::start().await;
//! let user = app.register().await;
//! user.post("/v1/wallets").json(json!({ "currency": "EUR" })).send().await.expect(201);
//! user.get("/v1/wallets/nonsense").send().await.problem(422, "validation_failed");
//! ```

mod app;
mod ask;
pub mod browser;
pub mod contract;
pub mod oauth;
mod program;
mod upstream;
pub mod user;

pub use app::App;
pub use ask::{Ask, Reply};
pub use program::Program;
pub use upstream::Upstream;
pub use user::User;
