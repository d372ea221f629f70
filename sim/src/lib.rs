//! Permafrost simulated card: Verilator build cache, models of host memory and DRAM.
