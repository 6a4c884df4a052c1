//! The gateway in this process, on a free port and a data directory of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::oneshot;
use waypost_gateway::data_plane::{File, Plan};
use waypost_gateway::store::{Readers, System, SystemTx};
use waypost_gateway::{Config, DataPlane, Gateway, http};

use super::{Ask, User};

/// A running gateway. Stops when it is dropped; [`App::stop`] waits for that.
pub struct App {
    pub gateway: Arc<Gateway>,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    directory: TempDir,
    stop: Option<oneshot::Sender<()>>,
    /// How it ended, and the data plane, which is asked once more when the gateway closes.
    served: tokio::task::JoinHandle<(std::io::Result<()>, Arc<DataPlane>)>,
    /// Tells of events for as long as it serves.
    bus: tokio::task::JoinHandle<()>,
}

impl App {
    /// With the defaults, but without rate limits and with a password hash that costs nothing.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With a changed configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    /// Another process's gateway on the same database, as far as one can be had without another process: it shares nothing else.
    pub async fn beside(&self) -> Self {
        let data_dir = self.gateway.config().data_dir.clone();
        // A folder of its own is only what it removes when it is dropped.
        Self::start_in(tempfile::tempdir().unwrap(), |config| config.data_dir = data_dir).await
    }

    async fn start_in(directory: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.data_dir = directory.path().to_owned();
        config.rate_limits.enabled = false;
        config.passwords.memory_kib = 8;
        config.passwords.iterations = 1;
        change(&mut config);
        let file = config.proxy.as_deref().map(|file| File::read(file).unwrap());
        let plan = Plan::new(file, &config);
        let sockets = plan.bind().unwrap();
        let gateway = Arc::new(Gateway::open(config).await.unwrap());
        let service = http::Service::new(Arc::clone(&gateway)).unwrap();
        let data_plane = DataPlane::new(plan, service).unwrap();
        let listening = data_plane.proxy().at(sockets);
        let address = listening.addresses()[0];
        gateway.listening(address);
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let served = listening.serve(async { stopped.await.unwrap_or_default() }).await;
            (served, data_plane)
        });
        let bus = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            async move { gateway.events().run(gateway.store()).await }
        });
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { gateway, address, client, directory, stop: Some(stop), served, bus }
    }

    /// Stops it and starts it again on the same data.
    pub async fn restart(mut self) -> Self {
        self.finish().await;
        let Self { directory, .. } = self;
        Self::start_in(directory, |_| {}).await
    }

    /// Stops it and waits until it has.
    pub async fn stop(mut self) {
        self.finish().await;
    }

    async fn finish(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        let (served, data_plane) = (&mut self.served).await.unwrap();
        served.unwrap();
        self.bus.abort();
        self.gateway.close().await;
        drop(data_plane);
    }

    /// Waits until the bus has told of this event.
    pub async fn told_up_to(&self, event: &serde_json::Value) {
        let id = event["id"].as_str().unwrap();
        for _ in 0..1_000 {
            if self.gateway.events().position().as_str() >= id {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the bus does not come to {id}");
    }

    /// The rows of every tenant, under the surface.
    pub fn inspect(&self) -> &Readers {
        self.gateway.store().system(System::Inspection)
    }

    /// A change under the surface.
    pub async fn tamper(&self) -> SystemTx {
        self.gateway.store().begin_system(System::Inspection).await.unwrap()
    }

    /// A question of nobody in particular.
    pub fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(self.client.clone(), method, format!("http://{}{path}", self.address))
    }

    pub fn get(&self, path: &str) -> Ask {
        self.ask("GET", path)
    }

    pub fn post(&self, path: &str) -> Ask {
        self.ask("POST", path)
    }

    /// Somebody new, signed in, in a tenant of their own.
    pub async fn register(&self) -> User<'_> {
        User::register(self).await
    }

    /// What the gateway answers to these very bytes.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        tokio::time::timeout(std::time::Duration::from_secs(20), read)
            .await
            .expect("the connection stays open")
            .ok();
        String::from_utf8_lossy(&answer).into_owned()
    }
}
