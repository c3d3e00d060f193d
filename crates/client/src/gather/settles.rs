//! Settlements that meet: one lane for each verb, whatever queues the jobs came from.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use sealane_api::v1::{
    Complete, CompleteItem, Fail, FailItem, Hold, HoldItem, Release, ReleaseItem, SettleResult, Settled,
};

use super::lane::{Answers, Carrier};
use crate::error::Error;
use crate::provider::Provider;
use crate::reach::Reach;

/// Room for a receipt, words and numbers.
const ITEM_BYTES: usize = 1_024;

/// A request that settles leases.
#[async_trait]
pub(crate) trait Settlement: Send + Sync + 'static {
    type Item: Send + Sync + 'static;

    fn of(items: Vec<Self::Item>) -> Self;
    fn into_items(self) -> Vec<Self::Item>;
    /// The bytes of what is reported with it.
    fn report_bytes(item: &Self::Item) -> usize;
    async fn ask(&self, provider: &dyn Provider) -> Result<Settled, Error>;
}

macro_rules! settlements {
    ($($request:ident, $item:ident, $verb:ident, $bytes:expr;)*) => {$(
        #[async_trait]
        impl Settlement for $request {
            type Item = $item;

            fn of(items: Vec<$item>) -> Self {
                Self { items, atomic: false }
            }

            fn into_items(self) -> Vec<$item> {
                self.items
            }

            fn report_bytes(item: &$item) -> usize {
                let bytes: fn(&$item) -> usize = $bytes;
                bytes(item)
            }

            async fn ask(&self, provider: &dyn Provider) -> Result<Settled, Error> {
                provider.$verb(self).await
            }
        }
    )*};
}

settlements! {
    Complete, CompleteItem, complete, |item| item.result.as_ref().map_or(0, |result| result.0.len());
    Fail, FailItem, fail, |item| item.error.as_ref().map_or(0, |error| error.0.len());
    Hold, HoldItem, hold, |_| 0;
    Release, ReleaseItem, release, |_| 0;
}

/// Settles leases by one verb.
pub(crate) struct Settling<R> {
    reach: Arc<Reach>,
    verb: PhantomData<R>,
}

impl<R> Settling<R> {
    pub(super) fn new(reach: Arc<Reach>) -> Self {
        Self { reach, verb: PhantomData }
    }
}

#[async_trait]
impl<R: Settlement> Carrier for Settling<R> {
    type Item = R::Item;
    type Answer = SettleResult;

    fn bytes_max(item: &R::Item) -> usize {
        R::report_bytes(item).saturating_add(ITEM_BYTES)
    }

    async fn carry(&self, items: Vec<R::Item>) -> (Vec<R::Item>, Answers<SettleResult>) {
        let request = R::of(items);
        let answer = self.reach.end(request.ask(self.reach.provider())).await;
        (request.into_items(), answer.map(|settled| settled.results.into_iter().map(Ok).collect()))
    }
}
