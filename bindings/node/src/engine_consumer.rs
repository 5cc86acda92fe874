//! Delivery of the messages of an engine to JavaScript.

use std::cell::RefCell;
use std::rc::Rc;

use bigseg::{Answer, Error};
use napi::bindgen_prelude::ToNapiValue;
use napi_sys as sys;

use crate::answer_codec::{EncodedAnswers, MembershipTable};
use crate::engine_message::EngineMessage;
use crate::error::Failure;
use crate::js_call::JsCall;
use crate::pending_calls::{Outcome, PendingCalls};
use crate::status::NativeStatus;
use crate::tsfn_queue::Consumer;

/// The kind of a delivery; `lib/dispatcher.ts` uses the same numbers.
#[derive(Clone, Copy)]
enum Delivery {
    Answers = 0,
    Refreshed = 1,
    Closed = 2,
    Status = 3,
    Memberships = 4,
    Metadata = 5,
    Json = 6,
}

/// Calls `deliver(kind, id, failure, value, more)` in JavaScript for each message.
pub(crate) struct EngineConsumer {
    pub(crate) calls: Rc<PendingCalls>,
    pub(crate) table: Rc<RefCell<MembershipTable>>,
}

impl Consumer for EngineConsumer {
    type Message = EngineMessage;

    fn consume(&self, js: &JsCall, message: EngineMessage) -> napi::Result<()> {
        match message {
            EngineMessage::CallReady(id) => match self.calls.resume(js.env, id) {
                Some(outcome) => self.deliver_outcome(js, id, outcome),
                None => Ok(()),
            },
            EngineMessage::Status(listener, status) => {
                js.deliver_value(Delivery::Status, listener, NativeStatus::from(status))
            }
            EngineMessage::Memberships(request, hashes) => {
                let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
                js.deliver_value(Delivery::Memberships, request, hashes)
            }
            EngineMessage::Metadata(request) => js.deliver_value(Delivery::Metadata, request, ()),
        }
    }
}

impl EngineConsumer {
    fn deliver_outcome(&self, js: &JsCall, id: u32, outcome: Outcome) -> napi::Result<()> {
        match outcome {
            Outcome::Answers(Ok(answers)) => self.deliver_answers(js, id, &answers),
            Outcome::Answers(Err(e)) => js.deliver_failure(Delivery::Answers, id, &e),
            Outcome::Status(Ok(status)) => {
                js.deliver_value(Delivery::Refreshed, id, NativeStatus::from(status))
            }
            Outcome::Status(Err(e)) => js.deliver_failure(Delivery::Refreshed, id, &e),
            Outcome::Json(Ok(json)) => js.deliver_value(Delivery::Json, id, json),
            Outcome::Json(Err(e)) => js.deliver_failure(Delivery::Json, id, &e),
            Outcome::Closed => js.deliver_value(Delivery::Closed, id, ()),
        }
    }

    fn deliver_answers(&self, js: &JsCall, id: u32, answers: &[Answer]) -> napi::Result<()> {
        let encoded = EncodedAnswers::new(&mut self.table.borrow_mut(), answers);
        let numbers = js.array_buffer(&encoded.numbers)?;
        js.deliver(Delivery::Answers, id, js.value(())?, numbers, js.value(encoded.failures)?)
    }
}

impl JsCall {
    fn deliver_failure(&self, delivery: Delivery, id: u32, error: &Error) -> napi::Result<()> {
        let undefined = self.value(())?;
        self.deliver(delivery, id, self.value(Failure::from(error))?, undefined, undefined)
    }

    fn deliver_value(&self, delivery: Delivery, id: u32, value: impl ToNapiValue) -> napi::Result<()> {
        let undefined = self.value(())?;
        self.deliver(delivery, id, undefined, self.value(value)?, undefined)
    }

    fn deliver(
        &self,
        delivery: Delivery,
        id: u32,
        failure: sys::napi_value,
        value: sys::napi_value,
        more: sys::napi_value,
    ) -> napi::Result<()> {
        self.call(&[self.value(delivery as u32)?, self.value(id)?, failure, value, more])
    }
}
