//! A browser: it keeps cookies, fills in forms, and says which site a request comes from.

use std::collections::BTreeMap;

use super::user::PASSWORD;
use super::{App, Reply, User};

pub struct Browser<'a> {
    pub app: &'a App,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a App) -> Self {
        Self { app, cookies: BTreeMap::new() }
    }

    /// In which this user is signed in.
    pub async fn signed_in(user: &User<'a>) -> Self {
        let mut browser = Self::new(user.app);
        browser.sign_in(&user.email, PASSWORD).await.expect(303);
        browser
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> Reply {
        let page = self.get("/oauth/sign_in").await.expect(200);
        let token = field(&page, "csrf_token");
        self.submit("/oauth/sign_in", &[("email", email), ("password", password), ("csrf_token", &token)])
            .await
    }

    /// Goes there, as a person does who follows a link of another site.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, "cross-site", &[]).await
    }

    /// Sends a form of one of our pages.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.send("POST", path, "same-origin", fields).await
    }

    /// Sends what a page of this kind of site would.
    pub async fn send(&mut self, method: &str, path: &str, site: &str, fields: &[(&str, &str)]) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut ask = self.app.ask(method, path).header("Sec-Fetch-Site", site);
        if !cookies.is_empty() {
            ask = ask.header("Cookie", &cookies.join("; "));
        }
        if method == "POST" {
            ask = ask.form(fields);
        }
        let reply = ask.send().await;
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match value {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        reply
    }
}

/// The value of a field of a page.
#[track_caller]
pub fn field(page: &Reply, name: &str) -> String {
    let html = page.text();
    let after = html
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("no {name} in {page}"));
    let value = after.split('"').next().unwrap();
    value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
