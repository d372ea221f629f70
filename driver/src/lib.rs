//! Permafrost userspace driver: transports, queues, DMA memory.
