//! Who somebody is at a provider of plain OAuth 2: asked of its API with the access token. Each answers in its own form; what is read of it is pure.

use http::{Method, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Person;
use super::provider::{Profile, Provider};
use crate::outbound::{Outbound, Question};

/// Asks the provider who its access token is of.
pub(super) async fn ask(outbound: &Outbound, provider: &Provider, token: &str) -> Result<Person, String> {
    let api = provider.api.as_deref().ok_or("it has no API in the configuration")?;
    match provider.profile {
        Profile::GitHub => {
            let user: GitHubUser = get(outbound, &format!("{api}/user"), token).await?;
            let emails: Vec<GitHubEmail> = get(outbound, &format!("{api}/user/emails"), token).await?;
            Ok(github(user, emails))
        }
        Profile::LinkedIn => Ok(linkedin(get(outbound, &format!("{api}/v2/userinfo"), token).await?)),
        Profile::X => {
            Ok(x(get(outbound, &format!("{api}/2/users/me?user.fields=confirmed_email"), token).await?))
        }
        Profile::Oidc => Err("it is asked by its ID token".to_owned()),
    }
}

async fn get<T: DeserializeOwned>(outbound: &Outbound, url: &str, token: &str) -> Result<T, String> {
    let question = Question::new(Method::GET, url)
        .map_err(|error| error.to_string())?
        .header(header::ACCEPT, "application/json")
        .header(header::AUTHORIZATION, &format!("Bearer {token}"));
    let answer = outbound.ask(question).await.map_err(|error| error.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("its API answered with the status {}", answer.status.as_u16()));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "its API answered in another form".to_owned())
}

#[derive(Debug, Deserialize)]
struct GitHubUser {
    /// The login can be changed and taken by somebody else; the number cannot.
    id: u64,
    name: Option<String>,
    login: String,
}

#[derive(Debug, Deserialize)]
struct GitHubEmail {
    email: String,
    primary: bool,
    verified: bool,
}

fn github(user: GitHubUser, emails: Vec<GitHubEmail>) -> Person {
    let email = emails.into_iter().find(|email| email.primary && email.verified).map(|email| email.email);
    Person { subject: user.id.to_string(), email, name: user.name.or(Some(user.login)) }
}

#[derive(Debug, Deserialize)]
struct LinkedInUser {
    sub: String,
    name: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
}

fn linkedin(user: LinkedInUser) -> Person {
    Person { subject: user.sub, email: user.email.filter(|_| user.email_verified), name: user.name }
}

#[derive(Debug, Deserialize)]
struct XAnswer {
    data: XUser,
}

#[derive(Debug, Deserialize)]
struct XUser {
    id: String,
    name: Option<String>,
    confirmed_email: Option<String>,
}

fn x(answer: XAnswer) -> Person {
    Person { subject: answer.data.id, email: answer.data.confirmed_email, name: answer.data.name }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_github_the_primary_address_counts_if_it_is_verified() {
        let user = || serde_json::from_value(json!({"id": 1, "login": "ada", "name": null})).unwrap();
        let emails = |verified: bool| {
            serde_json::from_value(json!([
                {"email": "old@example.com", "primary": false, "verified": true},
                {"email": "ada@example.com", "primary": true, "verified": verified},
            ]))
            .unwrap()
        };
        assert_eq!(github(user(), emails(true)).email.as_deref(), Some("ada@example.com"));
        assert_eq!(github(user(), emails(false)).email, None);
        assert_eq!(github(user(), Vec::new()).subject, "1", "the number, not the name that can change");
    }

    #[test]
    fn of_linkedin_and_x_only_what_they_verified_counts() {
        let user =
            |verified: bool| json!({"sub": "a", "email": "ada@example.com", "email_verified": verified});
        assert!(linkedin(serde_json::from_value(user(true)).unwrap()).email.is_some());
        assert!(linkedin(serde_json::from_value(user(false)).unwrap()).email.is_none());
        let answer = json!({"data": {"id": "7", "name": "Ada", "confirmed_email": "ada@example.com"}});
        assert_eq!(x(serde_json::from_value(answer).unwrap()).email.as_deref(), Some("ada@example.com"));
        assert_eq!(x(serde_json::from_value(json!({"data": {"id": "7"}})).unwrap()).email, None);
    }
}
