//! The operations of `analytics`.

use std::collections::BTreeMap;

use waypost_proxy::observe::analytics::{Named, Step};
use waypost_types::params::{
    AnalyticsConsumersParams, AnalyticsEndpointsParams, AnalyticsErrorsParams, AnalyticsOverviewParams,
    AnalyticsSeriesParams,
};
use waypost_types::{
    AnalyticsConsumer, AnalyticsConsumers, AnalyticsEndpoint, AnalyticsEndpoints, AnalyticsError,
    AnalyticsErrors, AnalyticsOverview, AnalyticsPoint, AnalyticsSeries,
};

use super::span::Span;
use crate::Gateway;
use crate::generated::{AnalyticsApi, Success};
use crate::http::{Context, Error};
use crate::store::clock::to_rfc3339;

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn most(limit: Option<i64>) -> usize {
    usize::try_from(limit.unwrap_or(20).clamp(1, 100)).unwrap_or(20)
}

/// Milliseconds as they are shown: to the microsecond.
fn ms(ms: f64) -> f64 {
    (ms * 1_000.0).round() / 1_000.0
}

impl Gateway {
    async fn sum(&self, span: Span) -> Result<Step, Error> {
        let mut sum = Step::default();
        self.steps(span.from, span.to, |step| sum.merge(step)).await?;
        Ok(sum)
    }

    fn span(&self, from: Option<&str>, to: Option<&str>) -> Result<Span, Error> {
        Span::new(from, to, self.store.now())
    }
}

impl AnalyticsApi<Context, Error> for Gateway {
    #[expect(clippy::cast_precision_loss, reason = "a part of a whole")]
    async fn analytics_overview(
        &self,
        _context: Context,
        params: AnalyticsOverviewParams,
    ) -> Result<Success<AnalyticsOverview>, Error> {
        let span = self.span(params.from.as_deref(), params.to.as_deref())?;
        let all = self.sum(span).await?.overview();
        let dropped = self.proxy()?.recorder().dropped().saturating_add(self.analytics.dropped());
        let (from, to) = span.shown();
        Ok(Success(AnalyticsOverview {
            from,
            to,
            requests: count(all.requests),
            client_errors: count(all.client_errors),
            server_errors: count(all.server_errors),
            error_rate: all.server_errors as f64 / all.requests.max(1) as f64,
            mean_ms: ms(all.mean_ms),
            p50_ms: ms(all.p50_ms),
            p95_ms: ms(all.p95_ms),
            p99_ms: ms(all.p99_ms),
            bytes_in: count(all.bytes_in),
            bytes_out: count(all.bytes_out),
            dropped: count(dropped),
            ..AnalyticsOverview::default()
        }))
    }

    async fn analytics_endpoints(
        &self,
        _context: Context,
        params: AnalyticsEndpointsParams,
    ) -> Result<Success<AnalyticsEndpoints>, Error> {
        let span = self.span(params.from.as_deref(), params.to.as_deref())?;
        let endpoint = |named: Named| AnalyticsEndpoint {
            route: named.name,
            share: named.share,
            requests: count(named.requests),
            client_errors: count(named.client_errors),
            server_errors: count(named.server_errors),
            mean_ms: ms(named.mean_ms),
            p50_ms: ms(named.p50_ms),
            p95_ms: ms(named.p95_ms),
            p99_ms: ms(named.p99_ms),
            bytes_in: count(named.bytes_in),
            bytes_out: count(named.bytes_out),
            ..AnalyticsEndpoint::default()
        };
        let top = self.sum(span).await?.top_endpoints(most(params.limit));
        let (from, to) = span.shown();
        Ok(Success(AnalyticsEndpoints::new(from, to, top.into_iter().map(endpoint).collect::<Vec<_>>())))
    }

    async fn analytics_errors(
        &self,
        _context: Context,
        params: AnalyticsErrorsParams,
    ) -> Result<Success<AnalyticsErrors>, Error> {
        let span = self.span(params.from.as_deref(), params.to.as_deref())?;
        let top = self.sum(span).await?.top_errors(most(params.limit)).into_iter();
        let errors = top.map(|one| AnalyticsError::new(one.route, i32::from(one.status), count(one.count)));
        let (from, to) = span.shown();
        Ok(Success(AnalyticsErrors::new(from, to, errors.collect::<Vec<_>>())))
    }

    async fn analytics_series(
        &self,
        _context: Context,
        params: AnalyticsSeriesParams,
    ) -> Result<Success<AnalyticsSeries>, Error> {
        let span = self.span(params.from.as_deref(), params.to.as_deref())?;
        let seconds = params.step_seconds.unwrap_or(60);
        let mut steps: BTreeMap<i64, Step> = BTreeMap::new();
        let route = params.route.as_deref();
        self.steps(span.from, span.to, |step| {
            let at = Span::step_of(i64::try_from(step.at).unwrap_or(i64::MAX), seconds * 1_000);
            // Only what is shown of it is added up: a month of minutes with all names would be large.
            let kept = steps.entry(at).or_default();
            let shown = Step {
                total: step.total.clone(),
                endpoints: step
                    .endpoints
                    .iter()
                    .filter(|(name, _)| Some(&***name) == route)
                    .map(|(name, sums)| (name.clone(), sums.clone()))
                    .collect(),
                ..Step::default()
            };
            kept.merge(&shown);
        })
        .await?;
        let points = steps.into_iter().filter_map(|(at, step)| {
            let sums = step.point(route)?.sums;
            Some(AnalyticsPoint {
                starts_at: to_rfc3339(at * 1_000),
                requests: count(sums.requests),
                client_errors: count(sums.client_errors),
                server_errors: count(sums.server_errors),
                mean_ms: ms(sums.mean_ms),
                p50_ms: ms(sums.p50_ms),
                p95_ms: ms(sums.p95_ms),
                p99_ms: ms(sums.p99_ms),
                bytes_in: count(sums.bytes_in),
                bytes_out: count(sums.bytes_out),
                ..AnalyticsPoint::default()
            })
        });
        let (from, to) = span.shown();
        let mut series = AnalyticsSeries::new(from, to, seconds, points.collect::<Vec<_>>());
        series.route = params.route.clone();
        Ok(Success(series))
    }

    async fn analytics_consumers(
        &self,
        _context: Context,
        params: AnalyticsConsumersParams,
    ) -> Result<Success<AnalyticsConsumers>, Error> {
        let span = self.span(params.from.as_deref(), params.to.as_deref())?;
        let consumer = |named: Named| AnalyticsConsumer {
            caller: named.name,
            share: named.share,
            requests: count(named.requests),
            client_errors: count(named.client_errors),
            server_errors: count(named.server_errors),
            mean_ms: ms(named.mean_ms),
            bytes_in: count(named.bytes_in),
            bytes_out: count(named.bytes_out),
            ..AnalyticsConsumer::default()
        };
        let top = self.sum(span).await?.top_consumers(most(params.limit));
        let (from, to) = span.shown();
        Ok(Success(AnalyticsConsumers::new(from, to, top.into_iter().map(consumer).collect::<Vec<_>>())))
    }
}
