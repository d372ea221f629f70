#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| permafrost_fuzz::vfio_user_session(data));
