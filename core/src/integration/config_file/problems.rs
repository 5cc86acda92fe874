use std::fmt;

use crate::error::{Error, ErrorKind};

/// A mistake in the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileProblem {
    /// The line, counted from 1; 0 = the whole file.
    pub line: usize,
    /// What is wrong, and what to do; contains no secret.
    pub message: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

/// All mistakes in the configuration file, ordered by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblems(pub Vec<FileProblem>);

impl FileProblems {
    /// Creates a problem of the whole file.
    pub(in crate::integration) fn whole_file(message: impl Into<String>) -> Self {
        Self(vec![FileProblem { line: 0, message: message.into() }])
    }
}

impl fmt::Display for FileProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileProblems {}

impl From<FileProblems> for Error {
    fn from(problems: FileProblems) -> Self {
        Self::new(ErrorKind::InvalidConfig, problems.to_string())
    }
}
