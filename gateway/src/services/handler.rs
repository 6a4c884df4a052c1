//! The operations of `services`.

use waypost_types::params::ServicesListParams;
use waypost_types::{CreateService, Service, ServiceHealth, ServicePage, UpdateService};

use super::view;
use crate::Gateway;
use crate::control::page::page;
use crate::control::{Change, Kind, View, form};
use crate::generated::{Created, NoContent, ServicesApi, Success};
use crate::http::{Context, Error};
use crate::store::clock::to_rfc3339;

fn no_service(name: &str) -> Error {
    Error::not_found("service", name)
}

impl Gateway {
    /// The service as it will be.
    fn service_in(&self, view: &View, name: &str) -> Result<Service, Error> {
        view::service(view, &self.proxy()?, name)?.ok_or_else(|| no_service(name))
    }
}

impl ServicesApi<Context, Error> for Gateway {
    async fn services_create(
        &self,
        context: Context,
        body: CreateService,
    ) -> Result<Created<Service>, Error> {
        let document = form::document(&body)?;
        let name = body.name.as_str();
        if self.control.view().source(Kind::Service, name).is_some() {
            return Err(Error::conflict("already_exists", format!("There is a service `{name}` already.")));
        }
        let change = Change { kind: Kind::Service, name, verb: "create" };
        let made = self.change_part(
            &context,
            change,
            |layer, now| {
                if layer.find(Kind::Service, name).is_some() {
                    return Err(Error::conflict(
                        "already_exists",
                        format!("There is a service `{name}` already."),
                    ));
                }
                layer.put(Kind::Service, name, document.into(), now);
                Ok(())
            },
            |view| self.service_in(view, name),
        );
        Ok(Created(made.await?))
    }

    async fn services_list(
        &self,
        _context: Context,
        params: ServicesListParams,
    ) -> Result<Success<ServicePage>, Error> {
        let (view, proxy) = (self.control.view(), self.proxy()?);
        let names: Vec<&String> = view.config.services.keys().collect();
        let page = page("services", params.limit, params.cursor.as_deref(), names, |name| name)?;
        let data: Vec<_> =
            page.data.into_iter().map(|name| view::service(&view, &proxy, name)).collect::<Result<_, _>>()?;
        let has_more = page.next_cursor.is_some();
        Ok(Success(ServicePage {
            data: data.into_iter().flatten().collect(),
            next_cursor: page.next_cursor,
            has_more,
            ..ServicePage::default()
        }))
    }

    async fn services_get(&self, _context: Context, service_name: String) -> Result<Success<Service>, Error> {
        Ok(Success(self.service_in(&self.control.view(), &service_name)?))
    }

    async fn services_update(
        &self,
        context: Context,
        service_name: String,
        body: UpdateService,
    ) -> Result<Success<Service>, Error> {
        let name = service_name.as_str();
        let change = Change { kind: Kind::Service, name, verb: "update" };
        let changed = self.change_part(
            &context,
            change,
            |layer, now| {
                let record = layer.find(Kind::Service, name).ok_or_else(|| no_service(name))?;
                let document = form::patched(&record.document, &body)?;
                layer.put(Kind::Service, name, document.into(), now);
                Ok(())
            },
            |view| self.service_in(view, name),
        );
        Ok(Success(changed.await?))
    }

    async fn services_delete(&self, context: Context, service_name: String) -> Result<NoContent, Error> {
        let name = service_name.as_str();
        let change = Change { kind: Kind::Service, name, verb: "delete" };
        let gone = self.change_part(
            &context,
            change,
            |layer, _| {
                layer.find(Kind::Service, name).ok_or_else(|| no_service(name))?;
                layer.remove(Kind::Service, name);
                Ok(())
            },
            |_| Ok(()),
        );
        gone.await.map(|()| NoContent)
    }

    async fn services_health(
        &self,
        _context: Context,
        service_name: String,
    ) -> Result<Success<ServiceHealth>, Error> {
        let (view, proxy) = (self.control.view(), self.proxy()?);
        let written = view.config.services.get(&service_name).ok_or_else(|| no_service(&service_name))?;
        let status = view::status(&proxy, &service_name, written);
        Ok(Success(ServiceHealth::new(service_name, status, to_rfc3339(self.store.now()))))
    }
}
