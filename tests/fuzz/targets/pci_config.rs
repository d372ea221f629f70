#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| permafrost_fuzz::pci_config(data));
