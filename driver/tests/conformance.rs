//! The conformance suite on the simulated card: the same RTL that goes into silicon.

mod suite;

use permafrost_abi::Transport;
use permafrost_rtl::config::CardConfig;
use permafrost_sim::{SimCard, SimOptions};
use std::sync::Arc;

#[test]
fn simulated_card_conforms() {
    let options = SimOptions { dram_bytes: Some(16 << 20), ..SimOptions::new(CardConfig::sim()) };
    let card = SimCard::open(options).expect("the simulated card opens");
    let transport: Arc<dyn Transport> = Arc::new(card);
    suite::conforms(&transport);
}
