//! Standard output.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::error::Error;

/// Prints `text`. A reader that has gone away (`… | head`) is no error.
pub fn text(text: &str) -> Result<(), Error> {
    stream(text).map(|_| ())
}

/// Prints `text`; `false` when the reader has gone away, so that whoever prints without end can stop.
pub fn stream(text: &str) -> Result<bool, Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Error::Stdout(e)),
    }
}

/// Prints one JSON object and a line end.
pub fn json(value: &impl Serialize) -> Result<(), Error> {
    text(&json_line(value)?)
}

/// One JSON object and a line end.
pub fn json_line(value: &impl Serialize) -> Result<String, Error> {
    // Only maps with keys that are not strings fail to serialise; nothing printed here has any.
    let line = serde_json::to_string(value).map_err(|e| Error::Stdout(e.into()))?;
    Ok(line + "\n")
}
