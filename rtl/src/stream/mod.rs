//! Streams of elements between card memory and an engine.
//!
//! An element is 32 bytes in memory, 254 bits on the chip: the top two bits are set apart on the way in and zero on the way out.
//! The unit of work is a job: `job_count` elements (1 or more) that lie one after another from `job_addr` on, a multiple of
//! 32. Jobs are queued with `job_valid`/`job_ready` and done in order; their elements are one stream, without a mark between
//! them. A stream moves one element a clock, sustained, however short its jobs are.
//!
//! | module | contents |
//! |---|---|
//! | [`bursts`] | a job to bursts on the memory bus |
//! | [`mod@reader`] | card memory to elements, fetched ahead |
//! | [`mod@writer`] | elements to card memory |

pub mod bursts;
pub mod reader;
pub mod writer;

pub use reader::reader;
pub use writer::writer;

/// Bytes of an element in memory.
pub const ELEMENT_BYTES: usize = 32;
