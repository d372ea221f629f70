//! The MSM engine: bucket method with signed windows over BN254 G1 and G2.
//!
//! | module | contents |
//! |---|---|
//! | `engine` | command, batch members, results |
//! | `feed`, `recode`, `reader` | points and scalars from card memory, recoded and joined |
//! | `slicer` | recoded scalars to the bucket items of a lane |
//! | `lane` | slots around one adder: buckets to window sums |
//! | `model` | the algorithm on a page, in Rust |

pub mod engine;
pub mod feed;
pub mod lane;
pub mod model;
pub mod reader;
pub mod recode;
pub mod slicer;

pub use engine::engine;
pub use lane::{COORD_BITS, POINT_BITS};
