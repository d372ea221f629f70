//! What the ways to a card have in common through which its registers can be read, and nothing else done.

/// The [`Transport`](permafrost_abi::Transport) of a type with methods `read`, which reads a register, and `place`, which names
/// where it looks.
macro_rules! looking_only {
    ($Type:ty, $name:expr) => {
        impl $Type {
            fn refused<T>(&self) -> Result<T, ::permafrost_abi::TransportError> {
                let what = format!("{} is for looking only; use the card itself", self.place());
                Err(::permafrost_abi::TransportError::Io(what))
            }
        }

        impl ::permafrost_abi::Transport for $Type {
            fn read32(&self, offset: u64) -> Result<u32, ::permafrost_abi::TransportError> {
                self.read(crate::transport::mapping::Register::at(offset)?)
            }

            fn write32(&self, _: u64, _: u32) -> Result<(), ::permafrost_abi::TransportError> {
                self.refused()
            }

            fn dma_alloc(
                &self,
                _: usize,
            ) -> Result<::permafrost_abi::DmaRegion, ::permafrost_abi::TransportError> {
                self.refused()
            }

            fn enable_irqs(&self, _: u16) -> Result<(), ::permafrost_abi::TransportError> {
                self.refused()
            }

            fn wait_irq(
                &self,
                _: u16,
                _: ::std::time::Duration,
            ) -> Result<bool, ::permafrost_abi::TransportError> {
                self.refused()
            }

            fn reset(&self) -> Result<(), ::permafrost_abi::TransportError> {
                self.refused()
            }

            fn name(&self) -> &str {
                $name
            }
        }
    };
}

pub(super) use looking_only;
