//! What holds in the data plane, and who may change it: three layers become one configuration.
//!
//! The gateway's own settings come first, the integrator's file over them, and what was made through the API beside the file. What the file defines, the API
//! does not change; a part of the API's that no longer fits what the file says is left out, logged and shown, so that a good file always holds. A change
//! through the API is compiled first, then committed, then carried out; a bad one leaves no trace. Other processes find out by the revision.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `layers` | the layers, and what they are together: pure |
//! | `edit` | a change through the API, from its check to its commit |
//! | `form` | the API's form of a service or a route, and the file's |
//! | `faults` | what is wrong, as the API tells it |
//! | `page` | lists of what is in memory |
//! | `storage` | SQL |

mod edit;
pub(crate) mod faults;
pub(crate) mod form;
pub(crate) mod layers;
pub(crate) mod page;
pub(crate) mod storage;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use waypost_proxy::config::{Fault, Level};
use waypost_proxy::{Config, Proxy};

pub(crate) use edit::{Author, Change};
pub(crate) use layers::{ApiLayer, Clash, Compiled, Kind, Source};

use crate::Gateway;
use crate::http::Error;

/// Adds to a configuration what follows from the gateway's own settings.
pub(crate) type Complete = Arc<dyn Fn(Config) -> Config + Send + Sync>;

/// The integrator's file, as it was read last.
#[derive(Debug, Clone)]
pub(crate) struct FileLayer {
    /// Its name, as it was given.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) config: Arc<Config>,
}

/// Which state of the API's layer this is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Revision {
    /// How often it was changed.
    pub(crate) number: i64,
    /// When that was, microseconds; and who did it.
    pub(crate) changed: Option<(i64, String)>,
}

/// The layers, and what they are together.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) file: Option<FileLayer>,
    pub(crate) api: Arc<ApiLayer>,
    pub(crate) revision: Revision,
    /// What holds: all layers together.
    pub(crate) config: Arc<Config>,
    /// What of the API's layer does not.
    pub(crate) clashes: Arc<Vec<Clash>>,
    complete: Complete,
}

/// Brings layers together, and the result to the data plane.
pub(crate) struct Control {
    view: RwLock<Arc<View>>,
    /// One change at a time.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Control").field("revision", &self.view().revision).finish_non_exhaustive()
    }
}

impl View {
    fn new(
        file: Option<FileLayer>,
        api: ApiLayer,
        revision: Revision,
        complete: Complete,
    ) -> Result<Self, Vec<Fault>> {
        let mut view = Self {
            file,
            api: Arc::new(api),
            revision,
            config: Arc::default(),
            clashes: Arc::default(),
            complete,
        };
        let compiled = view.with(&view.api);
        if compiled.faults.iter().any(|fault| fault.level == Level::Error) {
            return Err(compiled.faults);
        }
        view.config = Arc::new(compiled.config);
        view.clashes = Arc::new(compiled.clashes);
        Ok(view)
    }

    /// What would hold with another layer of the API's.
    pub(crate) fn with(&self, api: &ApiLayer) -> Compiled {
        let none = Config::default();
        let file = self.file.as_ref().map_or(&none, |file| &*file.config);
        layers::compile(file, api, &*self.complete)
    }

    /// Where a part comes from; nothing where there is none.
    pub(crate) fn source(&self, kind: Kind, name: &str) -> Option<Source> {
        let has = |config: &Config| match kind {
            Kind::Service => config.services.contains_key(name),
            Kind::Route => config.routes.iter().any(|route| route.name == name),
            Kind::Tier => config.limits.tiers.contains_key(name),
        };
        let file = self.file.as_ref().is_some_and(|file| has(&file.config));
        match has(&self.config) {
            false => None,
            true if file => Some(Source::File),
            true if self.api.find(kind, name).is_some() => Some(Source::Api),
            true => Some(Source::Gateway),
        }
    }

    /// The file's name, for people.
    pub(crate) fn file_name(&self) -> Option<String> {
        self.file.as_ref().map(|file| file.path.display().to_string())
    }
}

impl Default for Control {
    fn default() -> Self {
        let view = View {
            file: None,
            api: Arc::default(),
            revision: Revision::default(),
            config: Arc::default(),
            clashes: Arc::default(),
            complete: Arc::new(|config| config),
        };
        Self { view: RwLock::new(Arc::new(view)), turn: Mutex::default() }
    }
}

impl Control {
    /// With what was made through the API so far.
    pub(crate) fn new(api: ApiLayer, revision: Revision) -> Self {
        let control = Self::default();
        let known = control.view();
        control.replace(Arc::new(View { api: Arc::new(api), revision, ..(*known).clone() }));
        control
    }

    /// The layers as they are now.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first configuration: of a file where there is one, and of what was made through the API so far.
    ///
    /// # Errors
    /// All that is wrong with the file together with the gateway's settings.
    pub(crate) fn begin(&self, file: Option<FileLayer>, complete: Complete) -> Result<Config, Vec<Fault>> {
        let known = self.view();
        let view = View::new(file, (*known.api).clone(), known.revision.clone(), complete)?;
        tell(&view, &[]);
        let config = (*view.config).clone();
        self.replace(Arc::new(view));
        Ok(config)
    }

    /// The file says something else now.
    ///
    /// # Errors
    /// All that is wrong with it; then what was there stays.
    pub(crate) fn file_changed(&self, config: Config, proxy: &Proxy) -> Result<(), Vec<Fault>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.view();
        let file =
            before.file.as_ref().map(|file| FileLayer { path: file.path.clone(), config: Arc::new(config) });
        let view =
            View::new(file, (*before.api).clone(), before.revision.clone(), Arc::clone(&before.complete))?;
        tell(&view, &before.clashes);
        self.carry_out(view, Some(proxy))
    }

    /// The API's layer is another one now, here or in another process. An older one than is known changes nothing.
    pub(crate) fn adopt(&self, api: ApiLayer, revision: Revision, proxy: Option<&Proxy>) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.view();
        if revision.number <= before.revision.number {
            return;
        }
        let number = revision.number;
        let made = View::new(before.file.clone(), api, revision, Arc::clone(&before.complete));
        let done = made.and_then(|view| {
            tell(&view, &before.clashes);
            self.carry_out(view, proxy)
        });
        if let Err(faults) = done {
            for fault in &faults {
                tracing::error!(revision = number, %fault, "a change of the data plane's configuration cannot be carried out; what was there stays");
            }
        }
    }

    fn carry_out(&self, view: View, proxy: Option<&Proxy>) -> Result<(), Vec<Fault>> {
        let (before, config) = (self.view(), Arc::clone(&view.config));
        // Shown first: whoever sees it served finds it shown.
        self.replace(Arc::new(view));
        let Some(proxy) = proxy else { return Ok(()) };
        proxy.apply((*config).clone()).inspect_err(|_| self.replace(before))
    }

    fn replace(&self, view: Arc<View>) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }
}

impl Gateway {
    /// The data plane.
    ///
    /// # Errors
    /// 503 where there is none: the gateway is starting, or is about to be gone.
    pub(crate) fn proxy(&self) -> Result<Proxy, Error> {
        let proxy = self.data_plane().map(|data_plane| data_plane.proxy().clone());
        proxy.ok_or_else(|| Error {
            retry_after: Some(1),
            ..Error::new(503, "unavailable", "There is no data plane at the moment. Try again.")
        })
    }
}

/// Logs clashes that were not there before.
fn tell(view: &View, before: &[Clash]) {
    for clash in view.clashes.iter().filter(|clash| !before.contains(clash)) {
        tracing::warn!(
            kind = clash.kind.name(),
            name = %clash.name,
            file = view.file_name().map(tracing::field::display),
            reason = %clash.reason(),
            "what was made through the API does not hold"
        );
    }
}
