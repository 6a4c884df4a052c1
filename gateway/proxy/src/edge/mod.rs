//! What happens at the edge, before and after a service: versions and their shims, pages of other origins, addresses, HTTPS, headers, bodies, validation
//! and compression. What a request may do is decided in `identity`; where it goes, in `route`.

mod address;
mod change;
mod compress;
mod cors;
mod deprecation;
pub mod headers;
mod secure;
mod validate;
mod version;
pub mod whole;

pub use address::{Addresses, Networks};
pub use change::Changes;
pub use compress::Accepted;
pub use cors::Cors;
pub use deprecation::Deprecation;
pub use headers::HeaderChanges;
pub use secure::{https_redirect, set_security_headers};
pub use validate::Validation;
pub use version::{Negotiated, Versions};

use http::{HeaderMap, HeaderValue, header};

/// Says that the answer depends on a request header, where it does not say so yet (RFC 9110 section 12.5.5).
pub(crate) fn vary(headers: &mut HeaderMap, name: &'static str) {
    let said = headers.get_all(header::VARY).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').any(|known| known.trim() == "*" || known.trim().eq_ignore_ascii_case(name))
        })
    });
    if !said {
        headers.append(header::VARY, HeaderValue::from_static(name));
    }
}
