//! Standard output.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::error::Error;

/// Prints `text`. A reader that has gone away (`… | head`) is no error.
pub fn text(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::Stdout(e)),
        _ => Ok(()),
    }
}

/// Prints one JSON object and a line end.
pub fn json(value: &impl Serialize) -> Result<(), Error> {
    // Only maps with keys that are not strings fail to serialise; nothing printed here has any.
    let line = serde_json::to_string(value).map_err(|e| Error::Stdout(e.into()))?;
    text(&(line + "\n"))
}
