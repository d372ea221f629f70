//! Permafrost userspace driver: brings a card up through a [`Transport`], owns its queues and its memory, and turns
//! commands into validated completions or clear errors.
//!
//! ```
//! use permafrost_driver::{Card, CardOptions, Error, Transport};
//!
//! fn there_and_back(transport: std::sync::Arc<dyn Transport>) -> Result<[u8; 100], Error> {
//!     let card = Card::open(transport, CardOptions::default())?;
//!     let buffer = card.dram().alloc(4096)?;
//!     card.write(&buffer, 0, &[7; 100])?;
//!     let mut back = [0; 100];
//!     card.read(&buffer, 0, &mut back)?;
//!     Ok(back)
//! }
//! ```
//!
//! The layers: [`Transport`] (the way to the card, in `permafrost-abi`), `mmio` (registers; a card that reads all ones
//! is lost), `dma` (host memory that the card reaches), `queue` (one ring pair; validates each completion), `wait`
//! (spin, then sleep on the interrupt, with deadlines), `bring_up` (reset, zeroed card memory, start), `recovery` (the ladder
//! after a hang), `queues` (I/O queues that come and go), and [`Card`], which the layers above use. [`Vfio`] is the way to a card on the bus, [`VfioUser`] to one in another
//! process. Nothing above [`Transport`] depends on what kind of card it is.

// Only in the modules that say so.
#![deny(unsafe_code)]

pub use permafrost_abi::{Completion, DmaRegion, PageKind, Status, Transport, TransportError};

mod bdf;
mod bring_up;
mod card;
#[allow(unsafe_code)]
mod dma;
mod dram;
mod error;
mod info;
mod mmio;
mod observe;
mod options;
#[allow(unsafe_code)]
mod pinned;
mod queue;
mod queues;
mod ranges;
mod recovery;
mod request;
mod semaphores;
pub mod sysfs;
mod transfer;
#[allow(unsafe_code)]
mod transport;
mod wait;

pub use bdf::{Bdf, BdfError};
pub use card::Card;
pub use dma::{DmaBuf, DmaPiece, DmaUsage};
pub use dram::{Dram, DramBuf, DramUsage};
pub use error::{Error, Recovery};
pub use info::{CardInfo, Counters, MsmInfo, NttInfo, Syndrome, VectorInfo};
pub use observe::{Observer, Sample};
pub use options::CardOptions;
pub use pinned::{HostVec, NotPinned, Pinned, StillPinned};
pub use queues::{Outstanding, QueueOptions};
pub use request::{Request, Ticket};
pub use semaphores::Semaphores;
pub use transport::{Resource, Vfio, VfioBackend, VfioOptions, VfioUser, VfioUserObserver};
