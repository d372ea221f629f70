//! The MSM engine: bucket method with signed windows over BN254 G1.
//!
//! | module | contents |
//! |---|---|
//! | `engine` | command, phases, output |
//! | `feed` | points and scalars to digits |
//! | `unit` | slots and adder: accumulation without hazards |
//! | `scan` | aggregation: bucket sums to window sums |
//! | `lane` | one adder with its buckets: items to window sums, the tail of a job behind the next one |
//! | `slots`, `reader` | storage and fetch |
//! | `model` | the algorithm on a page, in Rust |

pub mod engine;
pub mod feed;
pub mod lane;
pub mod model;
pub mod reader;
pub mod scan;
pub mod slots;
pub mod unit;

pub use engine::engine;
