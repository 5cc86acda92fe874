//! A running `bigseg sync` beside a fake upstream, and requests to its HTTP server.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::Duration;

use bigseg::testkit::FakeUpstream;
use bigseg::testkit::fake_upstream::SDK_KEY;
use bigseg::testkit::http::Message;

use crate::command::CliSandbox;

/// Polls of a condition, one each 10 ms; a test that passes never exhausts them.
const MAX_POLLS: u32 = 6_000;

/// Returns the table of an integration; `more` is appended to its fields.
pub(crate) fn integration(fake: &FakeUpstream, id: &str, more: &str) -> String {
    let url = fake.url();
    format!(
        "[[integration]]\nid = \"{id}\"\nsdk_key = \"${{SDK_KEY}}\"\nbase_url = \"{url}\"\nstream_url = \"{url}\"\nproxy = \"none\"\n{more}\n"
    )
}

/// A running command; dropping it kills the process.
pub(crate) struct Running {
    child: Child,
    address: String,
    stderr: Option<BufReader<std::process::ChildStderr>>,
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..MAX_POLLS {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("did not happen within a minute: {what}");
}

/// Prepares the command with the key in its environment.
pub(crate) fn prepare(sandbox: &CliSandbox, arguments: &str) -> Command {
    let mut command = sandbox.command(&format!("sync --config bigseg.toml {arguments}"));
    command.env("SDK_KEY", SDK_KEY);
    command
}

impl Running {
    /// Starts the command on the sandbox's `bigseg.toml`, listening at a free local port.
    pub(crate) fn start(sandbox: &CliSandbox, arguments: &str) -> Self {
        Self::start_with(prepare(sandbox, &format!("--listen 127.0.0.1:0 {arguments}")))
    }

    pub(crate) fn start_with(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut began = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended: {began}");
            began.push_str(&line);
            if let Some((_, address)) =
                line.trim_end().trim_end_matches('/').split_once("listening at http://")
            {
                break address.replace("0.0.0.0", "127.0.0.1");
            }
        };
        Self { child, address, stderr: Some(stderr) }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request without changes, and returns the response.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Message {
        let mut message = Message { first_line: format!("{method} {path} HTTP/1.1"), ..Message::default() };
        if !headers.iter().any(|(name, _)| *name == "host") {
            message.headers.push(("host".to_owned(), self.address.clone()));
        }
        message.headers.push(("connection".to_owned(), "close".to_owned()));
        message.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if !body.is_empty() {
            let media = "application/x-www-form-urlencoded".to_owned();
            message.headers.push(("content-type".to_owned(), media));
        }
        message.body = body.as_bytes().to_vec();
        let connection = TcpStream::connect(&self.address).unwrap();
        message.write(&mut &connection).unwrap();
        Message::read(&mut BufReader::new(&connection)).unwrap().expect("an answer")
    }

    /// Returns the body of a path.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> String {
        let answer = self.send("GET", path, &[], "");
        assert_eq!(answer.status(), 200, "{path}");
        String::from_utf8(answer.body).unwrap()
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/status")).unwrap()
    }

    /// Returns the form token of the page.
    pub(crate) fn form_token(&self) -> String {
        let page = self.get("/");
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Submits a form as the page does.
    pub(crate) fn submit(&self, path: &str, fields: &str) -> Message {
        let origin = format!("http://{}", self.address);
        let body = format!("form_token={}&{fields}", self.form_token());
        self.send("POST", path, &[("origin", &origin)], &body)
    }

    #[track_caller]
    pub(crate) fn wait_until_ready(&self) {
        wait_until("every store is in sync", || self.send("GET", "/readyz", &[], "").status() == 200);
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Waits for the end; returns the exit status and the rest of standard error.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut output = String::new();
        self.stderr.take().unwrap().read_to_string(&mut output).unwrap();
        (self.child.wait().unwrap().code(), output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
