//! Ways to a card outside this process.

mod vfio_user;

pub use vfio_user::VfioUser;
