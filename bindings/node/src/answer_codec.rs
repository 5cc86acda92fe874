//! Answers as numbers: JavaScript is told of each membership once, and afterwards of its number only.

use std::collections::HashMap;

use bigseg_core::{Answer, Membership, Origin};
use napi_derive::napi;

use crate::error::Failure;

/// Numbers from here on are good until the next answers are encoded.
const FIRST_PASSING: usize = 1 << 20;

/// The memberships that JavaScript knows by number. A population has few distinct ones; those that the core keeps for ever
/// have a lasting number.
#[derive(Default)]
pub(crate) struct MembershipTable {
    numbers: HashMap<usize, usize>,
    lasting: Vec<Membership>,
    passing: Vec<Membership>,
}

/// The segment refs of a membership.
#[napi(object, object_from_js = false)]
pub struct MembershipRefs {
    /// The refs the context is included in.
    pub included: Vec<String>,
    /// The refs it is excluded from.
    pub excluded: Vec<String>,
}

impl MembershipTable {
    /// Makes the passing numbers void.
    pub(crate) fn begin(&mut self) {
        self.passing.clear();
    }

    fn number(&mut self, membership: &Membership) -> usize {
        let Some(identity) = membership.lasting_identity() else {
            self.passing.push(membership.clone());
            return FIRST_PASSING + self.passing.len() - 1;
        };
        *self.numbers.entry(identity).or_insert_with(|| {
            self.lasting.push(membership.clone());
            self.lasting.len() - 1
        })
    }

    /// Returns the refs of the membership with that number.
    pub(crate) fn refs(&self, number: usize) -> Option<MembershipRefs> {
        let membership = match number.checked_sub(FIRST_PASSING) {
            Some(passing) => self.passing.get(passing),
            None => self.lasting.get(number),
        }?;
        let texts = |refs: &[bigseg_core::SegmentRef]| refs.iter().map(|r| r.as_str().to_owned()).collect();
        Some(MembershipRefs {
            included: texts(membership.included()),
            excluded: texts(membership.excluded()),
        })
    }

    /// Writes where an answer comes from, its status and its membership as one number, which `lib/answer_decoder.ts` reads.
    pub(crate) fn code(&mut self, answer: &Answer) -> usize {
        let origin = match answer.origin {
            Origin::Store => 0,
            Origin::Cache { .. } => 1,
            Origin::LastKnown { .. } => 2,
            Origin::Nothing => 3,
        };
        self.number(&answer.membership) * 16 + origin * 4 + answer.status as usize
    }
}

/// Returns how old an answer is, in milliseconds; 0 for one that is new.
pub(crate) fn age(answer: &Answer) -> f64 {
    match answer.origin {
        Origin::Cache { age } | Origin::LastKnown { age } => age.as_secs_f64() * 1e3,
        Origin::Store | Origin::Nothing => 0.0,
    }
}

/// Many answers: three numbers for each, and the failures that the third one counts (from 1; 0 = none).
#[derive(Default)]
pub(crate) struct EncodedAnswers {
    pub(crate) numbers: Vec<f64>,
    pub(crate) failures: Vec<Failure>,
}

impl EncodedAnswers {
    pub(crate) fn new(table: &mut MembershipTable, answers: &[Answer]) -> Self {
        table.begin();
        let mut encoded = Self { numbers: Vec::with_capacity(answers.len() * 3), failures: Vec::new() };
        for answer in answers {
            let failure = answer.error.as_ref().map_or(0, |error| encoded.failure(Failure::from(error)));
            encoded.numbers.extend([table.code(answer) as f64, age(answer), failure as f64]);
        }
        encoded
    }

    /// Returns the number of a failure. One failed query fails all who waited for it, so it is mostly the last one.
    fn failure(&mut self, failure: Failure) -> usize {
        let is_same = |last: &Failure| (&last.kind, &last.message) == (&failure.kind, &failure.message);
        if !self.failures.last().is_some_and(is_same) {
            self.failures.push(failure);
        }
        self.failures.len()
    }
}
