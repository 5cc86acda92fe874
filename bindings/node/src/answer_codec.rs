//! Encodes answers as numbers. JavaScript fetches each membership once, and keeps it by its number.

use std::collections::HashMap;

use bigseg::{Answer, Membership, Origin};
use napi_derive::napi;

use crate::error::Failure;

/// Membership numbers from here on are temporary: the next encoding reuses them.
const FIRST_TEMPORARY: usize = 1 << 20;

/// The memberships that JavaScript may fetch by number.
///
/// A population has few distinct memberships. Those that the core interns have a permanent number.
#[derive(Default)]
pub(crate) struct MembershipTable {
    numbers: HashMap<usize, usize>,
    permanent: Vec<Membership>,
    temporary: Vec<Membership>,
}

/// The segment refs of a membership.
#[napi(object, object_from_js = false)]
pub struct MembershipRefs {
    /// The refs of the segments that include the context.
    pub included: Vec<String>,
    /// The refs of the segments that exclude the context.
    pub excluded: Vec<String>,
}

impl MembershipTable {
    /// Discards the temporary numbers.
    pub(crate) fn clear_temporary(&mut self) {
        self.temporary.clear();
    }

    fn number(&mut self, membership: &Membership) -> usize {
        let Some(identity) = membership.interned_id() else {
            self.temporary.push(membership.clone());
            return FIRST_TEMPORARY + self.temporary.len() - 1;
        };
        *self.numbers.entry(identity).or_insert_with(|| {
            self.permanent.push(membership.clone());
            self.permanent.len() - 1
        })
    }

    /// Returns the refs of the membership with this number.
    pub(crate) fn refs(&self, number: usize) -> Option<MembershipRefs> {
        let membership = match number.checked_sub(FIRST_TEMPORARY) {
            Some(index) => self.temporary.get(index),
            None => self.permanent.get(number),
        }?;
        let texts = |refs: &[bigseg::SegmentRef]| refs.iter().map(|r| r.as_str().to_owned()).collect();
        Some(MembershipRefs {
            included: texts(membership.included()),
            excluded: texts(membership.excluded()),
        })
    }

    /// Encodes the origin, status and membership of an answer; `lib/answer_decoder.ts` decodes
    /// them.
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

/// Returns the age of an answer in milliseconds; 0 for a new one.
pub(crate) fn age_millis(answer: &Answer) -> f64 {
    match answer.origin {
        Origin::Cache { age } | Origin::LastKnown { age } => age.as_secs_f64() * 1e3,
        Origin::Store | Origin::Nothing => 0.0,
    }
}

/// Several answers, encoded.
///
/// Each answer has three numbers: code, age, and the index of its failure from 1, or 0 for none.
#[derive(Default)]
pub(crate) struct EncodedAnswers {
    pub(crate) numbers: Vec<f64>,
    pub(crate) failures: Vec<Failure>,
}

impl EncodedAnswers {
    pub(crate) fn new(table: &mut MembershipTable, answers: &[Answer]) -> Self {
        table.clear_temporary();
        let mut encoded = Self { numbers: Vec::with_capacity(answers.len() * 3), failures: Vec::new() };
        for answer in answers {
            let failure = answer.error.as_ref().map_or(0, |error| encoded.failure_index(error));
            encoded.numbers.extend([table.code(answer) as f64, age_millis(answer), failure as f64]);
        }
        encoded
    }

    /// Returns the index of a failure. One failed query usually fails several lookups in a row.
    fn failure_index(&mut self, error: &bigseg::Error) -> usize {
        let failure = Failure::from(error);
        let is_same = |last: &Failure| (&last.kind, &last.message) == (&failure.kind, &failure.message);
        if !self.failures.last().is_some_and(is_same) {
            self.failures.push(failure);
        }
        self.failures.len()
    }
}
