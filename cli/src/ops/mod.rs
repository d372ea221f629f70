//! Operations of a card: what there is, binding, reset, watching.

pub mod args;
pub mod bare;
mod bind;
mod list;
mod look;
mod metrics;
mod reset;
mod top;

pub use bind::{bind, unbind};
pub use list::list;
pub use reset::reset;
pub use top::top;

use std::path::{Path, PathBuf};

/// Where observers of the card on `socket` connect, unless the server was told otherwise.
pub fn observe_path(socket: &Path) -> PathBuf {
    let mut path = socket.as_os_str().to_owned();
    path.push(".observe");
    path.into()
}
