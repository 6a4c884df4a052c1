//! Who may call a route.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue, StatusCode, header, request};
use percent_encoding::percent_decode_str;

use super::{Fetch, Identity, Provider, allows};
use crate::config::{self, Fault};
use crate::route::Pattern;
use crate::{Body, Caller, Exchange, Host, Refusal};

/// What the platform takes, besides `Authorization`.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A route's rule, compiled.
#[derive(Debug, Clone, Default)]
pub struct Access {
    providers: Vec<Arc<Provider>>,
    anonymous: bool,
    permissions: Vec<String>,
    tenants: Vec<Tenant>,
}

#[derive(Debug, Clone)]
enum Tenant {
    Named(String),
    InPath(String),
}

/// What the program around the pipeline lends to a rule.
#[derive(Clone, Copy, Default)]
pub struct Around<'a> {
    /// For the provider `platform`.
    pub host: Option<&'a dyn Host>,
    /// For keys at a URL.
    pub fetch: Option<&'a dyn Fetch>,
}

impl Access {
    /// For a route's `access` and the pattern of its match.
    ///
    /// # Errors
    /// A provider that is not known; permissions or tenants where nobody proves who they are; a `{name}` that the pattern does not have.
    pub fn new(access: &config::Access, identity: &Identity, pattern: &Pattern) -> Result<Self, Fault> {
        let mut providers = Vec::new();
        for (index, name) in access.providers.iter().enumerate() {
            let Some(provider) = identity.providers.get(name) else {
                let message = config::no_such(name, identity.providers.keys().map(String::as_str));
                return Err(Fault::at(index, message).under("providers"));
            };
            providers.push(provider.clone());
        }
        for (place, some) in
            [("permissions", !access.permissions.is_empty()), ("tenants", !access.tenants.is_empty())]
        {
            if some && providers.is_empty() {
                return Err(Fault::at(place, "nobody can have them: name `providers` as well"));
            }
            if some && access.anonymous {
                return Err(Fault::at(
                    "anonymous",
                    format!("a request without credentials has no {place}; leave out one of both"),
                ));
            }
        }
        for (index, permission) in access.permissions.iter().enumerate() {
            if permission.is_empty() || permission.contains('*') || permission.contains(char::is_whitespace) {
                let message = format!("`{permission}` is none that can be needed; write `orders:write`");
                return Err(Fault::at(index, message).under("permissions"));
            }
        }
        let mut tenants = Vec::new();
        for (index, text) in access.tenants.iter().enumerate() {
            tenants.push(match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if pattern.knows(name) && name != crate::route::REST => {
                    Tenant::InPath(name.to_owned())
                }
                Some(name) => {
                    let message = format!("the path of the match has no `{{{name}}}`");
                    return Err(Fault::at(index, message).under("tenants"));
                }
                None => Tenant::Named(text.clone()),
            });
        }
        let permissions = access.permissions.clone();
        Ok(Self { providers, anonymous: access.anonymous, permissions, tenants })
    }

    /// Finds out who calls. The body is given back; only a signed request's is read.
    ///
    /// # Errors
    /// 401 for credentials that do not hold, or none where some are needed; what a provider refuses.
    pub async fn authenticate(
        &self,
        exchange: &mut Exchange,
        head: &request::Parts,
        body: Body,
        around: Around<'_>,
        now: SystemTime,
    ) -> Result<Body, Refusal> {
        for provider in &self.providers {
            match &**provider {
                Provider::Jwt(jwt) if jwt.carried(&head.headers) => {
                    exchange.caller = Some(Box::pin(jwt.identify(&head.headers, around.fetch, now)).await?);
                    return Ok(body);
                }
                Provider::Keys(keys) if keys.carried(&head.headers) => {
                    exchange.caller = Some(keys.identify(&head.headers)?);
                    exchange.shown.push(keys.header().clone());
                    return Ok(body);
                }
                Provider::Signature(signature) if signature.carried(&head.headers) => {
                    let (caller, body) = Box::pin(signature.identify(head, body, now)).await?;
                    exchange.caller = Some(caller);
                    return Ok(body);
                }
                Provider::Platform => {
                    if let Some(host) = around.host
                        && let Some(caller) = host.identify(&head.headers, exchange.client).await?
                    {
                        exchange.caller = Some(caller);
                        exchange.shown.extend([header::AUTHORIZATION, X_API_KEY]);
                        return Ok(body);
                    }
                }
                Provider::Broken => {
                    let detail = "Who calls cannot be found out here.";
                    return Err(Refusal::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "identity_unavailable",
                        detail,
                    ));
                }
                _ => {}
            }
        }
        if self.providers.is_empty() || self.anonymous {
            return Ok(body);
        }
        let detail = "This needs credentials, and the request carries none that are taken here.";
        let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "credentials_missing", detail);
        let scheme = match self.providers.first().map(|provider| &**provider) {
            Some(Provider::Keys(_)) => "ApiKey",
            Some(Provider::Signature(_)) => super::signature::SCHEME,
            _ => "Bearer",
        };
        Err(refusal.header(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme)))
    }

    /// Whether who calls may do so here, in this tenant.
    ///
    /// # Errors
    /// 404 where the path is another tenant's: whether there is something is not told. 403 for a permission that is missing, or a tenant that may not.
    pub fn permit(&self, exchange: &Exchange) -> Result<(), Refusal> {
        if self.permissions.is_empty() && self.tenants.is_empty() {
            return Ok(());
        }
        let nobody = Caller::default();
        let caller = exchange.caller.as_deref().unwrap_or(&nobody);
        self.tenant(exchange, caller)?;
        let missing = self
            .permissions
            .iter()
            .find(|needed| !caller.permissions.iter().any(|granted| allows(granted, needed)));
        match missing {
            None => Ok(()),
            Some(needed) => {
                let detail = format!("This needs the permission `{needed}`.");
                Err(Refusal::new(StatusCode::FORBIDDEN, "permission_denied", detail)
                    .member("permission", needed.as_str()))
            }
        }
    }

    fn tenant(&self, exchange: &Exchange, caller: &Caller) -> Result<(), Refusal> {
        if self.tenants.is_empty() {
            return Ok(());
        }
        let own = caller.tenant.as_deref().filter(|own| !own.is_empty());
        let Some(own) = own else {
            let detail = "This is for callers that act in a tenant.";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "tenant_required", detail));
        };
        let mut elsewhere = false;
        for tenant in &self.tenants {
            match tenant {
                Tenant::Named(name) if name == own => return Ok(()),
                Tenant::Named(_) => {}
                Tenant::InPath(name) => {
                    let asked = exchange.parameter(name).unwrap_or_default();
                    if percent_decode_str(asked).decode_utf8().is_ok_and(|asked| asked == own) {
                        return Ok(());
                    }
                    elsewhere = true;
                }
            }
        }
        Err(if elsewhere {
            Refusal::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here for this caller.")
        } else {
            Refusal::new(StatusCode::FORBIDDEN, "tenant_refused", "This is not for the caller's tenant.")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn exchange(tenant: Option<&str>, permissions: &[&str], path: &str) -> Exchange {
        let caller = Caller {
            name: "c".to_owned(),
            tenant: tenant.map(str::to_owned),
            permissions: permissions.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        Exchange {
            request_id: String::new(),
            at: Instant::now(),
            client: [127, 0, 0, 1].into(),
            secure: false,
            host: String::new(),
            path: String::new(),
            version: None,
            parameters: vec![(Arc::from("tenant"), path.to_owned())],
            caller: Some(Arc::new(caller)),
            shown: Vec::new(),
        }
    }

    fn access(permissions: &[&str], tenants: &[&str]) -> Result<Access, Fault> {
        let mut identity = Identity::default();
        identity.providers.insert("platform".to_owned(), Arc::new(Provider::Platform));
        let access = config::Access {
            providers: vec!["platform".to_owned()],
            permissions: permissions.iter().map(ToString::to_string).collect(),
            tenants: tenants.iter().map(ToString::to_string).collect(),
            ..Default::default()
        };
        Access::new(&access, &identity, &Pattern::new(Some("/t/{tenant}/*")).unwrap())
    }

    fn status(access: &Access, exchange: &Exchange) -> u16 {
        access.permit(exchange).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn another_tenants_path_is_not_there_and_a_missing_permission_is_forbidden() {
        let access = access(&["orders:write"], &["{tenant}"]).unwrap();
        assert_eq!(status(&access, &exchange(Some("a b"), &["orders:*"], "a%20b")), 200);
        assert_eq!(status(&access, &exchange(Some("a"), &["*"], "b")), 404);
        assert_eq!(status(&access, &exchange(Some("a"), &["orders:read"], "a")), 403);
        assert_eq!(status(&access, &exchange(None, &["*"], "a")), 403);
        assert_eq!(status(&access, &exchange(Some(""), &["*"], "")), 403);
    }

    #[test]
    fn named_tenants_may_and_others_may_not() {
        let access = access(&[], &["acme", "{tenant}"]).unwrap();
        assert_eq!(status(&access, &exchange(Some("acme"), &[], "b")), 200);
        assert_eq!(status(&access, &exchange(Some("b"), &[], "c")), 404);
        assert_eq!(status(&self::access(&[], &["acme"]).unwrap(), &exchange(Some("b"), &[], "b")), 403);
    }

    #[test]
    fn a_rule_that_nobody_could_meet_or_anybody_would_is_refused() {
        assert!(access(&["orders:*"], &[]).is_err());
        assert!(access(&[], &["{name}"]).is_err());
        let nobody = config::Access { permissions: vec!["a".to_owned()], ..Default::default() };
        assert!(Access::new(&nobody, &Identity::default(), &Pattern::default()).is_err());
        let unknown = config::Access { providers: vec!["jwt".to_owned()], ..Default::default() };
        assert!(Access::new(&unknown, &Identity::default(), &Pattern::default()).is_err());
    }

    #[tokio::test]
    async fn a_request_without_credentials_is_asked_for_some() {
        let (head, ()) = http::Request::new(()).into_parts();
        let access = access(&[], &[]).unwrap();
        let mut exchange = exchange(None, &[], "");
        let now = SystemTime::UNIX_EPOCH;
        let answered = access.authenticate(&mut exchange, &head, Body::empty(), Around::default(), now).await;
        assert_eq!(answered.unwrap_err().code(), "credentials_missing");
        let open = Access::default();
        assert!(open.authenticate(&mut exchange, &head, Body::empty(), Around::default(), now).await.is_ok());
    }
}
