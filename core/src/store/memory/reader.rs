use super::MemoryStore;
use crate::context_key::ContextHash;
use crate::error::Result;
use crate::membership::Membership;
use crate::runtime::BoxFuture;
use crate::store::{InPlaceReader, Metadata, StoreReader, ask_in_place};

impl InPlaceReader for MemoryStore {
    fn read(&self, hashes: &[ContextHash], memberships: &mut [Membership]) -> Result<()> {
        let content = self.0.read();
        for (hash, membership) in hashes.iter().zip(memberships) {
            *membership = content.memberships.get(hash).cloned().unwrap_or_default();
        }
        Ok(())
    }

    fn read_metadata(&self) -> Result<Metadata> {
        let synchronized_on = self.0.read().synchronized_on;
        Ok(Metadata { synchronized_on: synchronized_on.filter(|time| *time != 0) })
    }
}

impl StoreReader for MemoryStore {
    fn memberships<'a>(
        &'a self,
        hashes: &'a [ContextHash],
    ) -> BoxFuture<'a, Result<Vec<Result<Membership>>>> {
        Box::pin(std::future::ready(ask_in_place(self, hashes)))
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(std::future::ready(self.read_metadata()))
    }

    fn in_place(&self) -> Option<&dyn InPlaceReader> {
        Some(self)
    }
}
