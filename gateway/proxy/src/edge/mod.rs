//! What happens at the edge, before and after a service: versions and their shims, pages of other origins, addresses, HTTPS, headers, bodies, validation
//! and compression. What a request may do is decided in `identity`; where it goes, in `route`.

pub mod headers;
