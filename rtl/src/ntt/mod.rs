//! Number-theoretic transforms over BN254 Fr.
//!
//! Elements, roots, shifts and scale factors are canonical Montgomery residues (R = 2^256, 254 bits), as they lie in memory.
//! A transform has 2^log_n elements; the root omega is a parameter, any element of order 2^log_n.
//!
//! | module | contents |
//! |---|---|
//! | [`model`] | transforms and their passes on BigUint: cosets, scaling, orders |
//! | [`butterfly`] | the pipelined radix-2 butterfly |
//! | [`powers`] | first * ratio^i, one a clock: twiddles, coset shifts, scale factors |
//! | [`mod@engine`] | the engine of the card: a command, one pass through memory |
//! | [`jobs`] | where a pass has its elements in memory |
//! | [`block`] | the tile core: sets of tiles that fit on the chip, entering, leaving |
//! | [`walk`] | the order of a tile's elements on their way in or out |
//! | [`factors`] | the factors of a set: tables, rows, the check of the root |
//! | [`compute`] | the stages: order, banks, lanes |
//! | [`memory`] | the buffers and the table of twiddles |
//! | [`text`] | Verilog that these have in common |

pub mod block;
pub mod butterfly;
pub mod compute;
pub mod engine;
pub mod factors;
pub mod jobs;
pub mod memory;
pub mod model;
pub mod powers;
pub mod text;
pub mod walk;

pub use engine::engine;
