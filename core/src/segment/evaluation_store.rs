//! What stands between the official crate and the data: it asks for flags and segments, and gets those that lead to
//! the right result.

use std::cell::RefCell;

use launchdarkly_server_sdk_evaluation as official;

use super::context::Context;
use super::data_set::{BigForm, DataSet, Form, SegmentEntry};
use super::decision::{Decider, Decision};
use super::evaluate::{Memo, Resolve};
use super::payload::MARK;
use crate::context_key::ContextHash;
use crate::membership::LookupStatus;

/// How many flags and segments one evaluation may ask for; more would take seconds, and only data made to do harm need them.
const MAX_QUESTIONS: u32 = 100_000;

/// One run of the official crate.
pub(super) struct Consultation<'a> {
    data: &'a DataSet,
    context: &'a Context,
    state: RefCell<State<'a>>,
}

struct State<'a> {
    memo: &'a mut Memo,
    resolve: &'a mut Resolve<'a>,
    outcome: Outcome<'a>,
    /// The segment that the question is about, if it is about one.
    subject: Option<&'a SegmentEntry>,
    questions: u32,
}

/// What a run brought to light, beside its result.
#[derive(Default)]
pub(super) struct Outcome<'a> {
    /// The membership without which the result is none.
    pub(super) needed: Option<ContextHash>,
    /// Whether it asked too much, so that the result is none.
    pub(super) endless: bool,
    /// The worst status of all lookups.
    pub(super) status: Option<LookupStatus>,
    consulted: Vec<Consulted<'a>>,
}

/// A segment that was asked for.
struct Consulted<'a> {
    entry: &'a SegmentEntry,
    /// What decided, unless the lists of an ordinary segment, or rules, do.
    decider: Option<Decider>,
    /// The rule whose clauses were the last to match.
    rule_index: Option<usize>,
    /// Whether all rules were tried in vain.
    ended: bool,
    status: Option<LookupStatus>,
}

impl<'a> Consultation<'a> {
    pub(super) fn new(
        data: &'a DataSet,
        context: &'a Context,
        subject: Option<&'a SegmentEntry>,
        memo: &'a mut Memo,
        resolve: &'a mut Resolve<'a>,
    ) -> Self {
        let state = State { memo, resolve, outcome: Outcome::default(), subject, questions: 0 };
        Self { data, context, state: RefCell::new(state) }
    }

    pub(super) fn into_outcome(self) -> Outcome<'a> {
        self.state.into_inner().outcome
    }
}

impl official::Store for Consultation<'_> {
    fn flag(&self, key: &str) -> Option<official::Flag> {
        if !self.state.borrow_mut().may_ask() {
            return None;
        }
        self.data.flag(key).map(|entry| entry.model.clone())
    }

    fn segment(&self, key: &str) -> Option<official::Segment> {
        let state = &mut *self.state.borrow_mut();
        if !state.may_ask() {
            return None;
        }
        if let Some(mark) = key.strip_prefix(MARK) {
            state.outcome.note(mark);
            return None;
        }
        let entry = self.data.segment(key)?;
        match &entry.form {
            Form::Ordinary(form) => Some(
                match state.subject {
                    Some(subject) if subject.number == entry.number => {
                        state.outcome.consult(entry, None, None);
                        form.marked(entry.number)
                    }
                    _ => &form.plain,
                }
                .clone(),
            ),
            Form::Big(big) => state.consult(entry, big, self.context).cloned(),
        }
    }
}

impl<'a> State<'a> {
    /// Returns whether the run still counts; if not, it is let run out, for it cannot be stopped.
    fn may_ask(&mut self) -> bool {
        self.questions += 1;
        self.outcome.endless |= self.questions > MAX_QUESTIONS;
        self.outcome.needed.is_none() && !self.outcome.endless
    }

    /// Resolves a big segment (docs/spec.md#evaluation); `None` when a membership is needed first.
    fn consult(
        &mut self,
        entry: &'a SegmentEntry,
        big: &'a BigForm,
        context: &Context,
    ) -> Option<&'a official::Segment> {
        let Some(segment_ref) = &big.segment_ref else {
            self.outcome.consult(entry, Some(Decider::NotConfigured), Some(LookupStatus::NotConfigured));
            return Some(&big.excluded);
        };
        let Some(hash) = context.hash(&big.context_kind) else {
            self.outcome.consult(entry, Some(Decider::NotConsulted), None);
            return Some(&big.excluded);
        };
        let Some(lookup) = self.memo.get_or_resolve(hash, self.resolve) else {
            self.outcome.needed = Some(hash);
            return None;
        };
        let (decider, form) = match lookup.membership.check(segment_ref.as_str()) {
            Some(true) => (Some(Decider::Included), &big.included),
            Some(false) => (Some(Decider::Excluded), &big.excluded),
            None => (None, big.rules.as_ref().unwrap_or(&big.excluded)),
        };
        self.outcome.consult(entry, decider, Some(lookup.status));
        Some(form)
    }
}

impl<'a> Outcome<'a> {
    fn consult(&mut self, entry: &'a SegmentEntry, decider: Option<Decider>, status: Option<LookupStatus>) {
        self.status = self.status.max(status);
        if !self.consulted.iter().any(|consulted| consulted.entry.number == entry.number) {
            self.consulted.push(Consulted { entry, decider, rule_index: None, ended: false, status });
        }
    }

    /// Notes how far a segment's rules were tried: `NUMBER.INDEX`, or `NUMBER` when they were in vain.
    fn note(&mut self, mark: &str) {
        let (number, rule_index) = match mark.split_once('.') {
            Some((number, index)) => (number, index.parse().ok()),
            None => (mark, None),
        };
        let Ok(number) = number.parse::<usize>() else { return };
        let consulted = self.consulted.iter_mut().find(|consulted| consulted.entry.number == number);
        if let Some(consulted) = consulted {
            consulted.ended = rule_index.is_none();
            consulted.rule_index = rule_index;
        }
    }

    /// Returns what each big segment decided, and the segment that the question is about, in the order in which they were
    /// first asked for.
    pub(super) fn decisions(self, is_match: Option<bool>) -> Vec<Decision> {
        self.consulted.into_iter().map(|consulted| consulted.decision(is_match)).collect()
    }
}

impl Consulted<'_> {
    /// `is_match`: whether the context is in the segment that the question is about.
    fn decision(self, is_match: Option<bool>) -> Decision {
        let Self { entry, decider, rule_index, ended, status } = self;
        let decider = match (decider, rule_index, &entry.form) {
            (Some(decider), ..) => decider,
            (None, Some(_), _) => Decider::Rule,
            (None, None, Form::Ordinary(_)) if !ended && is_match == Some(true) => Decider::Included,
            (None, None, Form::Ordinary(_)) if !ended && is_match == Some(false) => Decider::Excluded,
            (None, None, _) => Decider::NoValue,
        };
        let segment_ref = match &entry.form {
            Form::Big(big) => big.segment_ref.clone(),
            Form::Ordinary(_) => None,
        };
        let rule_id = rule_index.and_then(|index| entry.rule_ids.get(index)?.clone());
        Decision { segment_key: entry.key.clone(), segment_ref, decider, rule_index, rule_id, status }
    }
}
