//! Certificates for tests, made by the `openssl` command: an authority, a server and a client,
//! valid for a day.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// PEM files in a directory.
pub struct Certificates {
    directory: PathBuf,
    /// Removed with the last who needs them.
    _own: Option<TempDir>,
}

impl Certificates {
    /// The names the server's certificate bears, besides the address 127.0.0.1.
    pub const SERVER_NAMES: [&str; 2] = ["localhost", "redis.test"];

    /// Makes them all, in a directory of their own.
    pub fn make_anywhere() -> Self {
        let own = tempfile::tempdir().expect("there is room for a directory");
        let made = Self::make(own.path());
        Self { _own: Some(own), ..made }
    }

    /// Makes them all, in a directory of the caller's.
    pub fn make(directory: &Path) -> Self {
        let made = Self { directory: directory.to_owned(), _own: None };
        made.key("ca");
        made.openssl(&[
            "req",
            "-x509",
            "-new",
            "-key",
            "ca.key",
            "-out",
            "ca.crt",
            "-subj",
            "/CN=test authority",
        ]);
        let [first, second] = Self::SERVER_NAMES;
        made.sign("server", &format!("subjectAltName=DNS:{first},DNS:{second},IP:127.0.0.1"));
        made.sign("client", "extendedKeyUsage=clientAuth");
        made
    }

    /// Returns a file: `ca.crt`, `server.crt`, `server.key`, `client.crt`, `client.key`.
    pub fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Returns the options of a store string that show the client's.
    pub fn options(&self) -> String {
        let [ca, certificate, key] = ["ca.crt", "client.crt", "client.key"].map(|name| self.file(name));
        format!("ca_file={ca}&cert_file={certificate}&key_file={key}")
    }

    fn key(&self, name: &str) {
        let file = format!("{name}.key");
        self.openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &file]);
    }

    fn sign(&self, name: &str, extensions: &str) {
        self.key(name);
        let [key, request, certificate, text] =
            ["key", "csr", "crt", "txt"].map(|end| format!("{name}.{end}"));
        std::fs::write(self.directory.join(&text), extensions).expect("the directory can be written");
        self.openssl(&["req", "-new", "-key", &key, "-out", &request, "-subj", &format!("/CN={name}")]);
        let authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1"];
        let files = ["-in", &request, "-out", &certificate, "-extfile", &text];
        self.openssl(&[&["x509", "-req"], &authority[..], &files].concat());
    }

    fn openssl(&self, arguments: &[&str]) {
        let run = Command::new("openssl").args(arguments).current_dir(&self.directory).output();
        let output = run.expect("openssl is installed (scripts/setup.sh test)");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?} failed: {words}");
    }
}
