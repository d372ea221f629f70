//! Ways to a card outside this process, and memory for them.

pub(crate) mod hostmem;
mod resource;
mod vfio;
mod vfio_user;

pub use resource::Resource;
pub use vfio::{PciFunction, Vfio, VfioBackend, VfioOptions};
pub use vfio_user::{VfioUser, VfioUserObserver};
