//! Permafrost acceleration layer: engine, arkworks adapter, Groth16 from .zkey.
