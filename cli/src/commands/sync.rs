use std::net::SocketAddr;
use std::path::PathBuf;

use bigseg::integration::{IntegrationFile, RegistryConfig};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::sync::{self, Token};

/// Keep stores in sync with their upstream, as a configuration file defines; replaces a Relay Proxy
///
/// SIGHUP reloads the file; unchanged integrations continue without interruption. SIGTERM and
/// SIGINT finish the current transaction.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg sync --config /etc/bigseg.toml --check
  bigseg sync --config /etc/bigseg.toml --listen 127.0.0.1:8030
  bigseg sync --config /etc/bigseg.toml --listen 0.0.0.0:8030 --token-file /run/secrets/bigseg-token

With --listen: / is a web page, /status is JSON, /metrics is for Prometheus, /healthz and /readyz are health checks.")]
pub(crate) struct SyncCommand {
    /// The file that defines the integrations (TOML)
    #[arg(long, value_name = "FILE", env = "BIGSEG_CONFIG")]
    config: PathBuf,

    /// Validate the file, report every problem, and exit
    #[arg(long)]
    check: bool,

    /// Serve status, metrics and a web page at this address; an address other than loopback needs a
    /// token
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// The file with the access token, 16 characters or more
    #[arg(long, value_name = "FILE", requires = "listen", conflicts_with = "token_env")]
    token_file: Option<PathBuf>,

    /// The environment variable with the access token
    #[arg(long, value_name = "NAME", requires = "listen")]
    token_env: Option<String>,
}

impl SyncCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let config = RegistryConfig::new(&self.config);
        if self.check {
            let file = IntegrationFile::read(&config.path, &config.variables)
                .map_err(|problems| sync::invalid_file(&self.config, &problems))?;
            let count = file.integrations.len();
            output::line(format!("{}: valid, {count} integrations", self.config.display()))?;
            return Ok(Exit::Success);
        }
        let token = self.token()?;
        let is_open = self.listen.is_some_and(|address| !address.ip().is_loopback());
        if is_open && token.is_none() {
            return Err(Failure::usage(
                "--listen at an address other than loopback needs --token-file or --token-env",
            ));
        }
        sync::run(config, self.listen.map(|address| (address, token)))
    }

    fn token(&self) -> Result<Option<Token>, Failure> {
        let text = match (&self.token_file, &self.token_env) {
            (Some(file), _) => std::fs::read_to_string(file)
                .map_err(|e| Failure::io(format!("reading the token file {}", file.display()), &e))?,
            (None, Some(name)) => std::env::var(name).map_err(|_| {
                Failure::usage(format!("the environment variable {name} of --token-env is not set"))
            })?,
            (None, None) => return Ok(None),
        };
        let token = Token::new(text.trim());
        token
            .map(Some)
            .ok_or_else(|| Failure::usage("the access token must have 16 visible characters or more"))
    }
}
