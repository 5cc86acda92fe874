use std::net::SocketAddr;
use std::path::PathBuf;

use bigseg_core::integration::{IntegrationFile, RegistryConfig};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::sync::{self, Token};

/// Keep stores in step with their upstream, as a file says; instead of a Relay Proxy
///
/// SIGHUP reads the file anew: what has not changed goes on undisturbed. SIGTERM and SIGINT finish the transaction under way.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  bigseg sync --config /etc/bigseg.toml --check
  bigseg sync --config /etc/bigseg.toml --listen 127.0.0.1:8030
  bigseg sync --config /etc/bigseg.toml --listen 0.0.0.0:8030 --token-file /run/secrets/bigseg-token

With --listen: / is a page for people, /status JSON, /metrics for Prometheus, /healthz and /readyz for supervisors.")]
pub(crate) struct SyncCommand {
    /// The file that defines the integrations (TOML)
    #[arg(long, value_name = "FILE", env = "BIGSEG_CONFIG")]
    config: PathBuf,

    /// Say everything that is wrong with the file, and do nothing else
    #[arg(long)]
    check: bool,

    /// Serve status, metrics and a page at that address; one that is not of this machine alone needs a token
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// The file that holds the token to get in with, 16 characters or more
    #[arg(long, value_name = "FILE", requires = "listen", conflicts_with = "token_env")]
    token_file: Option<PathBuf>,

    /// The variable of the environment that holds it
    #[arg(long, value_name = "NAME", requires = "listen")]
    token_env: Option<String>,
}

impl SyncCommand {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let config = RegistryConfig::new(&self.config);
        if self.check {
            let file = IntegrationFile::read(&config.path, &config.variables)
                .map_err(|problems| sync::refused(&self.config, &problems))?;
            let count = file.integrations.len();
            output::line(format!("{}: {count} integrations, nothing is wrong", self.config.display()))?;
            return Ok(Exit::Success);
        }
        let token = self.token()?;
        let is_open = self.listen.is_some_and(|address| !address.ip().is_loopback());
        if is_open && token.is_none() {
            return Err(Failure::usage(
                "--listen at an address that others can reach needs --token-file or --token-env",
            ));
        }
        sync::run(config, self.listen.map(|address| (address, token)))
    }

    fn token(&self) -> Result<Option<Token>, Failure> {
        let text = match (&self.token_file, &self.token_env) {
            (Some(file), _) => std::fs::read_to_string(file)
                .map_err(|e| Failure::io(format!("the token file {}", file.display()), &e))?,
            (None, Some(name)) => std::env::var(name)
                .map_err(|_| Failure::usage(format!("the variable {name} holds no token")))?,
            (None, None) => return Ok(None),
        };
        let token = Token::new(text.trim());
        token.map(Some).ok_or_else(|| Failure::usage("the token must have 16 visible characters or more"))
    }
}
