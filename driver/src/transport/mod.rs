//! Ways to a card outside this process.

mod resource;
mod vfio_user;

pub use resource::Resource;
pub use vfio_user::{VfioUser, VfioUserObserver};
