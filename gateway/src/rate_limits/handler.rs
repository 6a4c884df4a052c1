//! The operations of `rate_limits`.

use std::net::{IpAddr, Ipv4Addr};

use waypost_proxy::Caller;
use waypost_proxy::config::Rates;
use waypost_types::params::RateLimitsUsageParams;
use waypost_types::{PutRateLimitTier, RateLimitTier, RateLimitTiers, RateLimitUsage, RateLimitWindow};

use crate::Gateway;
use crate::control::{Change, Kind, View, form};
use crate::generated::{RateLimitsApi, Success};
use crate::http::{Context, Error};
use crate::store::System;

fn tier(view: &View, name: &str, rates: &Rates) -> RateLimitTier {
    let source = view.source(Kind::Tier, name).map_or("gateway", crate::control::Source::name);
    RateLimitTier {
        per_second: rates.per_second.map(i64::from),
        per_minute: rates.per_minute.map(i64::from),
        per_hour: rates.per_hour.map(i64::from),
        per_day: rates.per_day.map(i64::from),
        burst: Some(i64::from(rates.burst)),
        ..RateLimitTier::new(name, source.into())
    }
}

impl RateLimitsApi<Context, Error> for Gateway {
    async fn rate_limits_tiers(&self, _context: Context) -> Result<Success<RateLimitTiers>, Error> {
        let view = self.control.view();
        let limits = &view.config.limits;
        let tiers: Vec<_> = limits.tiers.iter().map(|(name, rates)| tier(&view, name, rates)).collect();
        Ok(Success(RateLimitTiers::new(limits.enabled, tiers)))
    }

    async fn rate_limits_put_tier(
        &self,
        context: Context,
        tier_name: String,
        body: PutRateLimitTier,
    ) -> Result<Success<RateLimitTier>, Error> {
        let name = tier_name.as_str();
        let document = form::document(&body)?;
        let change = Change { kind: Kind::Tier, name, verb: "put" };
        let put = self.change_part(
            &context,
            change,
            |layer, now| {
                layer.put(Kind::Tier, name, document.into(), now);
                Ok(())
            },
            |view| {
                let rates = view.config.limits.tiers.get(name);
                rates.map(|rates| tier(view, name, rates)).ok_or_else(|| Error::not_found("tier", name))
            },
        );
        Ok(Success(put.await?))
    }

    async fn rate_limits_usage(
        &self,
        context: Context,
        params: RateLimitsUsageParams,
    ) -> Result<Success<RateLimitUsage>, Error> {
        let identity = context.identity()?;
        let who = params.caller.as_deref().unwrap_or(&identity.user_id);
        let own = who == identity.user_id;
        if !own && !identity.may("rate_limits:write") {
            return Err(Error::permission_denied("rate_limits:write"));
        }
        let address: Option<IpAddr> = who.parse().ok();
        let tier = match (params.tier, address) {
            (_, Some(_)) => "anonymous".to_owned(),
            (Some(tier), None) => tier,
            (None, None) if own => identity.tier.clone(),
            (None, None) => {
                let readers = self.store.system(System::DataPlane);
                let tier = crate::auth::storage::tier_of(readers, who).await?;
                tier.unwrap_or_else(|| "free".to_owned())
            }
        };
        let caller = address.is_none().then(|| Caller {
            name: who.to_owned(),
            tier: Some(tier.clone()),
            ..Caller::default()
        });
        let client = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let windows = self.proxy()?.usage(caller.as_ref(), client).into_iter().map(|window| {
            let used = i64::try_from(window.used).unwrap_or(i64::MAX);
            let limit = i64::from(window.limit);
            RateLimitWindow::new(window.policy, limit, used, limit.saturating_sub(used).max(0))
        });
        Ok(Success(RateLimitUsage::new(who, tier, windows.collect::<Vec<_>>())))
    }
}
