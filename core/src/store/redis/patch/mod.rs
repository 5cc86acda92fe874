//! Applies patches: in transactions where all keys lie in one slot, otherwise slot by slot.

mod cross_slot;
mod ops;
mod single_slot;

pub(super) use cross_slot::ManySlots;
pub(super) use ops::READING_CURSOR;
pub(super) use single_slot::OneSlot;
