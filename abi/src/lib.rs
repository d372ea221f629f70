//! Permafrost host-card contract: registers, commands, completions, Transport.
