//! Ways to a card outside this process, and memory for them.

pub(crate) mod hostmem;
mod looking;
mod mapping;
mod resource;
mod timer;
mod vfio;
mod vfio_user;

pub use resource::Resource;
pub use vfio::{Vfio, VfioBackend, VfioOptions};
pub use vfio_user::{VfioUser, VfioUserObserver};
