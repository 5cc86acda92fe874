use std::io::Write;

use clap_complete::Shell;

use crate::exit::Exit;
use crate::failure::Failure;

/// Print a shell's completion script
#[derive(clap::Args)]
#[command(after_help = "Examples:
  source <(bigseg completions bash)
  bigseg completions zsh > ~/.zfunc/_bigseg
  bigseg completions fish > ~/.config/fish/completions/bigseg.fish")]
pub(crate) struct CompletionsCommand {
    /// The shell
    shell: Shell,
}

impl CompletionsCommand {
    /// Prints the script for the command line that `definition` describes.
    pub(crate) fn run(self, mut definition: clap::Command) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut definition, "bigseg", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(Exit::Success)
    }
}
