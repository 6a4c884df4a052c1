//! The real program, started as a user starts it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `waypost-gateway serve`, killed when it is dropped.
pub struct Program {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// What it said on standard output before and with its address.
    pub greeting: Vec<String>,
}

impl Program {
    /// Starts it on a free port and waits until it says that it listens.
    pub fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_logging(data_dir, arguments, Stdio::null())
    }

    /// The same, with its log going there.
    pub fn start_logging(data_dir: &Path, arguments: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_waypost-gateway"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut greeting = Vec::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the program ended before it listened").unwrap();
            let url = line.split("listening on ").nth(1).map(|url| url.trim().to_owned());
            greeting.push(line);
            if let Some(url) = url {
                break url;
            }
        };
        // Whatever else it says must have somewhere to go, or a full pipe would stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, url, greeting }
    }

    /// The API key that the first start on a data directory prints.
    pub fn first_key(&self) -> String {
        let words = self.greeting.iter().flat_map(|line| line.split([' ', '\'']));
        words.into_iter().find(|word| word.starts_with("wp_")).unwrap().to_owned()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
