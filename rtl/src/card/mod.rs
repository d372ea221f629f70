//! The card around its engines: queues, dispatcher, copy, registers, and the AXI seam.

pub mod abi;
pub mod arbiter;
pub mod bus;
pub mod copy;
pub mod fifo;
pub mod round_robin;
