//! Number-theoretic transforms over BN254 Fr.
//!
//! Elements, roots, shifts and scale factors are canonical Montgomery residues (R = 2^256, 254 bits), as they lie in memory.
//! A transform has 2^log_n elements; the root omega is a parameter, any element of order 2^log_n.
//!
//! | module | contents |
//! |---|---|
//! | [`model`] | the transforms on BigUint: both radix-2 forms, cosets, scaling, orders, the four-step decomposition |
//! | [`butterfly`] | the pipelined radix-2 butterfly of either form |
//! | [`powers`] | first * ratio^i, one a clock: twiddles, coset shifts, scale factors |
//! | [`block`] | the engine for blocks that fit on the chip: commands, entering, leaving |
//! | [`compute`] | its stages: order, banks, lanes |
//! | [`memory`] | its buffers and its table of twiddles |
//! | [`text`] | Verilog that these have in common |

pub mod block;
pub mod butterfly;
pub mod compute;
pub mod memory;
pub mod model;
pub mod powers;
pub mod text;
