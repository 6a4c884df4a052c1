//! The operations of `routes`.

use waypost_types::params::RoutesListParams;
use waypost_types::{CreateRoute, Route, RouteAnswer, RoutePage, RouteQuestion, UpdateRoute};

use super::{question, view};
use crate::Gateway;
use crate::control::page::page;
use crate::control::{Change, Kind, View, form};
use crate::generated::{Created, NoContent, RoutesApi, Success};
use crate::http::{Context, Error, FieldError};

fn no_route(name: &str) -> Error {
    Error::not_found("route", name)
}

fn route_in(view: &View, name: &str) -> Result<Route, Error> {
    view::route(view, name)?.ok_or_else(|| no_route(name))
}

impl RoutesApi<Context, Error> for Gateway {
    async fn routes_create(&self, context: Context, body: CreateRoute) -> Result<Created<Route>, Error> {
        let document = form::document(&body)?;
        let name = body.name.as_str();
        let taken = || Error::conflict("already_exists", format!("There is a route `{name}` already."));
        if self.control.view().source(Kind::Route, name).is_some() {
            return Err(taken());
        }
        let change = Change { kind: Kind::Route, name, verb: "create" };
        let made = self.change_part(
            &context,
            change,
            |layer, now| {
                if layer.find(Kind::Route, name).is_some() {
                    return Err(taken());
                }
                layer.put(Kind::Route, name, document.into(), now);
                Ok(())
            },
            |view| route_in(view, name),
        );
        Ok(Created(made.await?))
    }

    async fn routes_list(
        &self,
        _context: Context,
        params: RoutesListParams,
    ) -> Result<Success<RoutePage>, Error> {
        let view = self.control.view();
        let mut names: Vec<&str> = view.config.routes.iter().map(|route| route.name.as_str()).collect();
        names.sort_unstable();
        let page = page("routes", params.limit, params.cursor.as_deref(), names, |name| name)?;
        let data: Vec<_> =
            page.data.into_iter().map(|name| view::route(&view, name)).collect::<Result<_, _>>()?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(RoutePage {
            data: data.into_iter().flatten().collect(),
            next_cursor: page.next_cursor,
            has_more,
            ..RoutePage::default()
        }))
    }

    async fn routes_get(&self, _context: Context, route_name: String) -> Result<Success<Route>, Error> {
        route_in(&self.control.view(), &route_name).map(Success)
    }

    async fn routes_update(
        &self,
        context: Context,
        route_name: String,
        body: UpdateRoute,
    ) -> Result<Success<Route>, Error> {
        let name = route_name.as_str();
        let change = Change { kind: Kind::Route, name, verb: "update" };
        let changed = self.change_part(
            &context,
            change,
            |layer, now| {
                let record = layer.find(Kind::Route, name).ok_or_else(|| no_route(name))?;
                let document = form::patched(&record.document, &body)?;
                layer.put(Kind::Route, name, document.into(), now);
                Ok(())
            },
            |view| route_in(view, name),
        );
        Ok(Success(changed.await?))
    }

    async fn routes_delete(&self, context: Context, route_name: String) -> Result<NoContent, Error> {
        let name = route_name.as_str();
        let change = Change { kind: Kind::Route, name, verb: "delete" };
        let gone = self.change_part(
            &context,
            change,
            |layer, _| {
                layer.find(Kind::Route, name).ok_or_else(|| no_route(name))?;
                layer.remove(Kind::Route, name);
                Ok(())
            },
            |_| Ok(()),
        );
        gone.await.map(|()| NoContent)
    }

    async fn routes_match(
        &self,
        _context: Context,
        body: RouteQuestion,
    ) -> Result<Success<RouteAnswer>, Error> {
        let headers = body.headers.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()));
        let head = question::head(body.method.as_deref().unwrap_or("GET"), &body.url, headers);
        let head = head.map_err(|(field, detail)| {
            Error::invalid(vec![FieldError { pointer: format!("/{field}"), code: "format".into(), detail }])
        })?;
        Ok(Success(question::answer(self.proxy()?.explain(head))))
    }
}
