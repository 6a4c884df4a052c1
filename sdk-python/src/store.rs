//! A token store that is Python: one function, which is told what to do and answers with a token set as JSON, nothing, or the exception that it caught. As middleware it is run on the
//! calling thread by a synchronous call, and on the thread of its event loop by an asynchronous one.

use std::sync::Arc;

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use tokio::sync::oneshot;
use waypost::oauth::{StoreError, TokenSet, TokenStore};
use waypost::transport::BoxFuture;

use crate::exit::attached;
use crate::hooks::{Asked, Function, at_once};
use crate::queue::{CALL, Outcome};

/// What a store answered.
pub(crate) type Kept = Result<Option<String>, String>;

/// Knows a client's function.
pub(crate) struct Store {
    function: Arc<Py<PyAny>>,
}

/// What a store is told.
#[derive(Clone)]
pub(crate) struct Told {
    function: Arc<Py<PyAny>>,
    verb: &'static str,
    tokens: Option<String>,
}

impl Store {
    pub(crate) fn of(function: Py<PyAny>) -> Arc<dyn TokenStore> {
        Arc::new(Self { function: Arc::new(function) })
    }

    async fn ask(&self, verb: &'static str, tokens: Option<String>) -> Result<Option<String>, StoreError> {
        let told = Told { function: Arc::clone(&self.function), verb, tokens };
        let Ok((id, queue)) = CALL.try_with(Clone::clone) else {
            return attached(|py| {
                let value = at_once(&told.run(py)?)?;
                kept(&value)
            })
            .map_err(|error| StoreError::from(error.to_string()))?
            .map_err(StoreError::from);
        };
        let (reply, replied) = oneshot::channel();
        queue.put(0, Outcome::Asked(Asked { call: id, function: Function::Store { told, reply } }));
        match replied.await {
            Ok(kept) => kept.map_err(StoreError::from),
            Err(_) => Err("it was not asked: its event loop is gone".into()),
        }
    }
}

impl TokenStore for Store {
    fn load(&self) -> BoxFuture<'_, Result<Option<TokenSet>, StoreError>> {
        Box::pin(async {
            let kept = self.ask("load", None).await?;
            Ok(kept.map(|json| TokenSet::parse(json.as_bytes())).transpose()?)
        })
    }

    fn save<'a>(&'a self, tokens: &'a TokenSet) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { self.ask("save", Some(tokens.to_json())).await.map(drop) })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { self.ask("clear", None).await.map(drop) })
    }
}

impl Told {
    pub(crate) fn run<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).call1((self.verb, self.tokens.as_deref()))
    }
}

/// What the function answered: a text, nothing, or an exception.
pub(crate) fn kept(value: &Bound<'_, PyAny>) -> PyResult<Kept> {
    if value.is_none() {
        return Ok(Ok(None));
    }
    if value.is_instance_of::<PyBaseException>() {
        let kind = value.get_type().name()?;
        return Ok(Err(format!("{kind}: {}", value.str()?)));
    }
    let text: String = value
        .extract()
        .map_err(|_| PyTypeError::new_err("a token store answers with a token set or None"))?;
    Ok(Ok(Some(text)))
}

/// What a store in a file does, for the package's own class of it.
#[pyfunction]
#[pyo3(signature = (path, verb, tokens = None, /))]
pub(crate) fn token_file(path: &str, verb: &str, tokens: Option<&str>) -> PyResult<Option<String>> {
    let store = waypost::oauth::FileTokenStore::new(path);
    let outcome = match (verb, tokens) {
        ("save", Some(tokens)) => {
            let tokens = TokenSet::parse(tokens.as_bytes());
            tokens.map_err(StoreError::from).and_then(|tokens| store.write(&tokens)).map(|()| None)
        }
        ("clear", _) => store.remove().map(|()| None),
        _ => store.read().map(|kept| kept.map(|kept| kept.to_json())),
    };
    outcome.map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
