//! One simulated card for all tests of a binary: the tests of a binary run in threads and share it.

use std::sync::{Arc, OnceLock};

use permafrost_driver::{Card, CardOptions};
use permafrost_rtl::config::CardConfig;
use permafrost_sim::{SimCard, SimOptions};
use permafrost_zkal::engine::{Engine, Fallback, Policy, Unsupported};

/// The card of the `sim` preset.
pub fn card() -> Card {
    static CARD: OnceLock<Card> = OnceLock::new();
    CARD.get_or_init(|| open(CardConfig::sim())).clone()
}

/// The same without the engines for transforms and vectors: its simulation has half as much to do.
pub fn msm_card() -> Card {
    static CARD: OnceLock<Card> = OnceLock::new();
    CARD.get_or_init(|| open(CardConfig { ntt_lanes: 0, vector_lanes: 0, ..CardConfig::sim() })).clone()
}

fn open(config: CardConfig) -> Card {
    let sim = SimCard::open(SimOptions::new(config)).unwrap_or_else(|e| panic!("simulated card: {e}"));
    let card = Card::open(Arc::new(sim), CardOptions::default());
    card.unwrap_or_else(|e| panic!("card: {e}"))
}

/// An engine on the preset's card that computes every multi-scalar multiplication on the card or fails.
pub fn engine() -> Engine {
    engine_on(card())
}

/// Such an engine on another card.
pub fn engine_on(card: Card) -> Engine {
    let policy = Policy { msm: Fallback::Never, g2: Unsupported::Refuse, ..Policy::default() };
    Engine::new(card, policy).unwrap_or_else(|e| panic!("engine: {e}"))
}
