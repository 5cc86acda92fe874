//! Implements the evaluation crate's `Store` for one evaluation.
//!
//! For each segment it returns the variant that evaluates to the right result. It also records
//! which segments were touched, and how far their rules were tried.

use std::cell::RefCell;

use launchdarkly_server_sdk_evaluation as ld;

use super::context::Context;
use super::data_set::{DataSet, SegmentEntry};
use super::decision::{Decider, Decision};
use super::memo::{Memo, Resolve};
use super::payload::TRACE_PREFIX;
use super::variants::{BigVariants, Variants};
use crate::context_key::ContextHash;
use crate::membership::LookupStatus;

/// The most flags and segments that one evaluation may read. Only malicious data need more, and
/// would take seconds.
const MAX_READS: u32 = 100_000;

/// The store of one evaluation.
pub(super) struct EvaluationStore<'a> {
    data: &'a DataSet,
    context: &'a Context,
    state: RefCell<State<'a>>,
}

struct State<'a> {
    memo: &'a mut Memo,
    resolve: &'a mut Resolve<'a>,
    trace: Trace<'a>,
    /// The segment that is evaluated; `None` when a flag is.
    target: Option<&'a SegmentEntry>,
    reads: u32,
}

/// What an evaluation needed and touched, beside its result.
#[derive(Default)]
pub(super) struct Trace<'a> {
    /// The membership that is missing; the result is then not valid.
    pub(super) needed: Option<ContextHash>,
    /// Whether the evaluation exceeded [`MAX_READS`]; the result is then not valid.
    pub(super) exceeded_limit: bool,
    /// The worst status of all lookups.
    pub(super) status: Option<LookupStatus>,
    touched: Vec<Touched<'a>>,
}

/// A segment that the evaluation read.
struct Touched<'a> {
    entry: &'a SegmentEntry,
    /// What decided; `None` when the lists of an ordinary segment decide, or rules.
    decider: Option<Decider>,
    /// The last rule whose clauses matched.
    rule_index: Option<usize>,
    /// Whether no rule matched, after all were tried.
    rules_exhausted: bool,
    status: Option<LookupStatus>,
}

impl<'a> EvaluationStore<'a> {
    pub(super) fn new(
        data: &'a DataSet,
        context: &'a Context,
        target: Option<&'a SegmentEntry>,
        memo: &'a mut Memo,
        resolve: &'a mut Resolve<'a>,
    ) -> Self {
        let state = State { memo, resolve, trace: Trace::default(), target, reads: 0 };
        Self { data, context, state: RefCell::new(state) }
    }

    pub(super) fn into_trace(self) -> Trace<'a> {
        self.state.into_inner().trace
    }
}

impl ld::Store for EvaluationStore<'_> {
    fn flag(&self, key: &str) -> Option<ld::Flag> {
        if !self.state.borrow_mut().may_read() {
            return None;
        }
        self.data.flag(key).map(|entry| entry.model.clone())
    }

    fn segment(&self, key: &str) -> Option<ld::Segment> {
        let state = &mut *self.state.borrow_mut();
        if !state.may_read() {
            return None;
        }
        if let Some(position) = key.strip_prefix(TRACE_PREFIX) {
            state.trace.record(position);
            return None;
        }
        let entry = self.data.segment(key)?;
        match &entry.variants {
            Variants::Ordinary(ordinary) => {
                let is_target = state.target.is_some_and(|target| target.number == entry.number);
                if !is_target {
                    return Some(ordinary.plain.clone());
                }
                state.trace.touch(entry, None, None);
                Some(ordinary.traced(entry.number).clone())
            }
            Variants::Big(big) => state.resolve_big(entry, big, self.context).cloned(),
        }
    }
}

impl<'a> State<'a> {
    /// Returns whether the result can still be valid. If not, reads find nothing, so that the
    /// evaluation ends soon: the evaluation crate cannot be interrupted.
    fn may_read(&mut self) -> bool {
        self.reads += 1;
        self.trace.exceeded_limit |= self.reads > MAX_READS;
        self.trace.needed.is_none() && !self.trace.exceeded_limit
    }

    /// Resolves a big segment to the variant for this context; `None` when a membership is needed
    /// first (docs/spec.md#evaluation).
    fn resolve_big(
        &mut self,
        entry: &'a SegmentEntry,
        big: &'a BigVariants,
        context: &Context,
    ) -> Option<&'a ld::Segment> {
        let Some(segment_ref) = &big.segment_ref else {
            self.trace.touch(entry, Some(Decider::NotConfigured), Some(LookupStatus::NotConfigured));
            return Some(&big.excluded);
        };
        let Some(hash) = context.hash(&big.context_kind) else {
            self.trace.touch(entry, Some(Decider::NotConsulted), None);
            return Some(&big.excluded);
        };
        let Some(lookup) = self.memo.get_or_resolve(hash, self.resolve) else {
            self.trace.needed = Some(hash);
            return None;
        };
        let (decider, variant) = match lookup.membership.check(segment_ref.as_str()) {
            Some(true) => (Some(Decider::Included), &big.included),
            Some(false) => (Some(Decider::Excluded), &big.excluded),
            None => (None, big.rules.as_ref().unwrap_or(&big.excluded)),
        };
        self.trace.touch(entry, decider, Some(lookup.status));
        Some(variant)
    }
}

impl<'a> Trace<'a> {
    fn touch(&mut self, entry: &'a SegmentEntry, decider: Option<Decider>, status: Option<LookupStatus>) {
        self.status = self.status.max(status);
        if !self.touched.iter().any(|touched| touched.entry.number == entry.number) {
            self.touched.push(Touched { entry, decider, rule_index: None, rules_exhausted: false, status });
        }
    }

    /// Records how far a segment's rules were tried: `NUMBER.INDEX` when that rule matched,
    /// `NUMBER` when no rule did.
    fn record(&mut self, position: &str) {
        let (number, rule_index) = match position.split_once('.') {
            Some((number, index)) => (number, index.parse().ok()),
            None => (position, None),
        };
        let Ok(number) = number.parse::<usize>() else { return };
        let touched = self.touched.iter_mut().find(|touched| touched.entry.number == number);
        if let Some(touched) = touched {
            touched.rules_exhausted = rule_index.is_none();
            touched.rule_index = rule_index;
        }
    }

    /// Returns what each touched segment decided, in the order of first reference. `is_match` says
    /// whether the context is in the target segment.
    pub(super) fn into_decisions(self, is_match: Option<bool>) -> Vec<Decision> {
        self.touched.into_iter().map(|touched| touched.into_decision(is_match)).collect()
    }
}

impl Touched<'_> {
    fn into_decision(self, is_match: Option<bool>) -> Decision {
        let entry = self.entry;
        let decided_by_lists = matches!(entry.variants, Variants::Ordinary(_)) && !self.rules_exhausted;
        let decider = match (self.decider, self.rule_index) {
            (Some(decider), _) => decider,
            (None, Some(_)) => Decider::Rule,
            (None, None) if decided_by_lists && is_match == Some(true) => Decider::Included,
            (None, None) if decided_by_lists && is_match == Some(false) => Decider::Excluded,
            (None, None) => Decider::NoValue,
        };
        let segment_ref = match &entry.variants {
            Variants::Big(big) => big.segment_ref.clone(),
            Variants::Ordinary(_) => None,
        };
        let rule_id = self.rule_index.and_then(|index| entry.rule_ids.get(index)?.clone());
        Decision {
            segment_key: entry.key.clone(),
            segment_ref,
            decider,
            rule_index: self.rule_index,
            rule_id,
            status: self.status,
        }
    }
}
