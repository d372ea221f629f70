//! Vector operations over BN254's scalar field Fr: d = ±a b ± c element by element, its sum, and what follows from them.
//!
//! Elements are canonical Montgomery residues of 254 bits, R = 2^256.
//!
//! | file | contents |
//! |---|---|
//! | [`engine`] (`control`) | the engine as the card sees it; a command's life in it |
//! | [`parameters`], [`bounds`] | what a command needs before it starts |
//! | [`walk`], [`gather`] | operands to jobs of readers and the writer |
//! | [`lane`] | one streaming lane: an element a clock |
//! | [`inverse`] | inverses, an element a clock |
//! | [`mul_add`] | d = ±a b ± c, a pipeline |
//! | [`multipliers`] | the multipliers that these borrow |
//! | [`powers`] | 1, g, g^2, ... one a clock |
//! | [`scan`] | prefix products, an element a clock |
//! | [`model`] | the operations on BigUint |
//!
//! # One formula
//! A lane computes d_i = ±a_i b_i ± c_i for i below n and R = the sum of all d_i. Each of a and c is a stream or one scalar for
//! all i, b is a stream, a scalar or the powers of a scalar, and d leaves as a stream or not at all. With 1 = R mod p:
//!
//! | operation | a | b | c | signs | wanted |
//! |---|---|---|---|---|---|
//! | sum, difference of vectors | stream | scalar 1 | stream | + + or + - | d |
//! | product | stream | stream | scalar 0 | + | d |
//! | scaling | stream | scalar | scalar 0 | + | d |
//! | negation, copy | stream | scalar 1 | scalar 0 | - or + | d |
//! | fill | scalar | scalar 1 | scalar 0 | + | d |
//! | powers s g^i | scalar s | powers of g | scalar 0 | + | d |
//! | shift to a coset: a_i g^i | stream | powers of g | scalar 0 | + | d |
//! | sum | stream | scalar 1 | scalar 0 | + | R |
//! | inner product | stream | stream | scalar 0 | + | R |
//! | evaluation at x: sum of a_i x^i | stream | powers of x | scalar 0 | + | R |
//!
//! Rejected for evaluation: Horner's rule in as many interleaved chains as the multiplier has stages. It needs one multiplier
//! instead of two, but the highest coefficient first, which no memory delivers in bursts, and a second phase to combine the
//! chains. The second multiplier is there for powers anyway, where scaling by them takes two products an element.

pub mod bounds;
mod control;
pub mod engine;
pub mod gather;
pub mod inverse;
pub mod lane;
pub mod model;
pub mod mul_add;
pub mod multipliers;
pub mod parameters;
pub mod powers;
pub mod scan;
pub mod walk;
