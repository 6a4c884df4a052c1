//! The operation of `versions`.

use waypost_proxy::Config;
use waypost_proxy::config::Route;
use waypost_types::params::VersionsListParams;
use waypost_types::{ApiVersion, ApiVersionPage, DeprecationNotice};

use crate::Gateway;
use crate::control::page::page;
use crate::generated::{Success, VersionsApi};
use crate::http::{Context, Error};

/// The version of the gateway's own API, which is part of its paths.
const OWN: &str = "v1";

fn versions(config: &Config) -> Vec<ApiVersion> {
    if config.versions.known.is_empty() {
        return vec![ApiVersion::new(OWN, true, vec!["platform".to_owned()])];
    }
    let names = |which: &dyn Fn(&Route) -> bool| -> Vec<String> {
        let named = config.routes.iter().filter(|route| which(route));
        let mut names: Vec<_> = named.map(|route| route.name.clone()).collect();
        names.sort_unstable();
        names
    };
    let known = config.versions.known.iter().map(|(name, version)| {
        let routes = names(&|route| route.versions.contains(name));
        let mut shown =
            ApiVersion::new(name.as_str(), config.versions.default.as_ref() == Some(name), routes);
        shown.shimmed_routes = Some(names(&|route| route.shims.contains_key(name)));
        shown.deprecated = version.deprecated.as_ref().map(|deprecated| DeprecationNotice {
            sunset: deprecated.sunset.clone(),
            link: deprecated.link.clone(),
            ..DeprecationNotice::new(deprecated.since.as_str())
        });
        shown
    });
    known.collect()
}

impl VersionsApi<Context, Error> for Gateway {
    async fn versions_list(
        &self,
        _context: Context,
        params: VersionsListParams,
    ) -> Result<Success<ApiVersionPage>, Error> {
        let all = versions(&self.control.view().config);
        let page = page("versions", params.limit, params.cursor.as_deref(), all, |version| &version.name)?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(ApiVersionPage {
            data: page.data,
            next_cursor: page.next_cursor,
            has_more,
            ..ApiVersionPage::default()
        }))
    }
}
