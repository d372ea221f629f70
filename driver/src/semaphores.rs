//! The right to a card's semaphores, for software that lets commands in several queues wait for each other.

use crate::dma::lock;
use crate::{Card, Error};
use std::sync::MutexGuard;

/// All semaphores of a card, for one holder at a time among the handles of the card. Who submits commands that wait
/// for each other holds it until all of them have ended: semaphores have no owners on the card, and the commands of
/// two such lists that alternate in the queues could wait for each other for ever.
///
/// It binds those who ask for it; commands with semaphores that others submit are not stopped.
pub struct Semaphores<'a> {
    card: &'a Card,
    _held: MutexGuard<'a, ()>,
}

impl Card {
    /// Waits until nobody else holds the semaphores.
    pub fn semaphores(&self) -> Semaphores<'_> {
        Semaphores { card: self, _held: lock(&self.inner.semaphores) }
    }
}

impl Semaphores<'_> {
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.card.info().semaphores
    }

    /// As [`Card::set_semaphore`].
    ///
    /// # Errors
    /// As [`Card::set_semaphore`].
    pub fn set(&self, sem: u8, value: u32) -> Result<(), Error> {
        self.card.set_semaphore(sem, value)
    }
}
