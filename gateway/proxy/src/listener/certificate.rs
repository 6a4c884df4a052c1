//! The certificate that clients see. Its files are looked at every few seconds and read anew when they changed; a pair that cannot be used leaves the one
//! before in place.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;

use crate::config::ServerTls;
use crate::forward::tls;

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(2);

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Certificate {
    written: ServerTls,
    current: ArcSwap<ServerConfig>,
    seen: Mutex<(Instant, Stamp)>,
}

/// When the files were changed.
type Stamp = [Option<SystemTime>; 2];

impl Certificate {
    /// Reads the files.
    pub(crate) fn read(written: &ServerTls) -> Result<Self, String> {
        let stamp = stamp(written);
        let current = ArcSwap::from_pointee(config(written)?);
        let seen = Mutex::new((Instant::now(), stamp));
        Ok(Self { written: written.clone(), current, seen })
    }

    /// What a new connection is to use. The files are looked at if that was not done lately.
    pub(crate) fn current(&self, now: Instant) -> Arc<ServerConfig> {
        if let Ok(mut seen) = self.seen.try_lock()
            && now.saturating_duration_since(seen.0) >= LOOK
        {
            let found = stamp(&self.written);
            let changed = found != seen.1;
            seen.0 = now;
            if changed {
                // A pair that does not fit may be half written: it is looked at again.
                match config(&self.written) {
                    Ok(config) => {
                        seen.1 = found;
                        self.current.store(Arc::new(config));
                    }
                    Err(error) => tracing::warn!(error, "a changed certificate is not used"),
                }
            }
        }
        self.current.load_full()
    }
}

fn stamp(written: &ServerTls) -> Stamp {
    let changed = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    [changed(&written.certificate), changed(&written.key)]
}

fn config(written: &ServerTls) -> Result<ServerConfig, String> {
    let chain = tls::certificates(&written.certificate)?;
    let key = tls::key(&written.key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            format!("`{}` and `{}`: {error}", written.certificate.display(), written.key.display())
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
