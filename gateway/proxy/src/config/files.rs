//! The files that a configuration names besides itself. One list of them, for whoever makes their paths absolute and for whoever watches them.

use std::path::{Path, PathBuf};

use super::watch::Look;
use super::{Balance, ClientTls, Config, Discovery, Provider, ServerTls, Service};

/// Files, and what they looked like.
pub(crate) type Looks = Vec<(PathBuf, Option<Look>)>;

/// The files that are read where a configuration is compiled, and what they look like now. Those that are watched where they are used (the certificates of
/// listeners, lists of targets) are not among them.
pub(crate) fn looks(config: &Config) -> Looks {
    let mut looks = Vec::new();
    compiled(&mut config.clone(), &mut |path| look(&mut looks, path));
    looks
}

/// The same, of one service.
pub(crate) fn looks_of(service: &Service) -> Looks {
    let mut looks = Vec::new();
    of_service(&mut service.clone(), &mut |path| look(&mut looks, path));
    looks
}

/// The same, of TLS to somebody.
pub(crate) fn looks_of_tls(tls: &ClientTls) -> Looks {
    let mut looks = Vec::new();
    of_tls(&mut tls.clone(), &mut |path| look(&mut looks, path));
    looks
}

fn look(looks: &mut Looks, path: &Path) {
    if looks.iter().all(|(known, _)| known != path) {
        looks.push((path.to_path_buf(), Look::at(path)));
    }
}

/// Every path that a configuration names, to be changed.
pub(super) fn each(config: &mut Config, at: &mut dyn FnMut(&mut PathBuf)) {
    compiled(config, at);
    config.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut()).for_each(|tls| pair(tls, at));
    for service in config.services.values_mut() {
        if let Some(Discovery::File(file)) = &mut service.discover {
            at(&mut file.path);
        }
    }
}

fn compiled(config: &mut Config, at: &mut dyn FnMut(&mut PathBuf)) {
    config.services.values_mut().for_each(|service| of_service(service, at));
    for provider in config.identity.providers.values_mut() {
        match provider {
            Provider::Jwt(jwt) => jwt.jwks_file.iter_mut().for_each(&mut *at),
            Provider::Keys(keys) => at(&mut keys.file),
            Provider::Signature(signature) => at(&mut signature.file),
            Provider::Platform {} => {}
        }
    }
    config
        .routes
        .iter_mut()
        .filter_map(|route| route.validate.as_mut())
        .for_each(|rule| at(&mut rule.openapi));
    if let Some(traces) = &mut config.observe.traces {
        of_tls(&mut traces.tls, at);
    }
}

fn of_service(service: &mut Service, at: &mut dyn FnMut(&mut PathBuf)) {
    of_tls(&mut service.tls, at);
    if let Balance::Sticky(sticky) = &mut service.balance {
        sticky.key_file.iter_mut().for_each(at);
    }
}

fn of_tls(tls: &mut ClientTls, at: &mut dyn FnMut(&mut PathBuf)) {
    tls.ca.iter_mut().for_each(&mut *at);
    tls.identity.iter_mut().for_each(|tls| pair(tls, at));
}

fn pair(tls: &mut ServerTls, at: &mut dyn FnMut(&mut PathBuf)) {
    at(&mut tls.certificate);
    at(&mut tls.key);
}
