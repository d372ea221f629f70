//! Permafrost whole-system tests: real circuits, third-party verifiers.
