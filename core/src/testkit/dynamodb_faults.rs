//! Errors of DynamoDB, with the messages of the real service.

use serde_json::{Value, json};

use super::http::Message;
use super::http_proxy::Reaction;

const JSON: &str = "application/x-amz-json-1.0";

/// An error of the service.
pub fn error(status: u16, code: &str, message: &str) -> Message {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message});
    Message::response(status, JSON, body.to_string())
}

/// The table has used up its capacity.
pub fn throttled() -> Message {
    error(
        400,
        "ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded.",
    )
}

/// The service failed.
pub fn internal() -> Message {
    error(500, "InternalServerError", "Internal server error")
}

/// The identity lacks the permission.
pub fn denied(action: &str) -> Message {
    let message = format!(
        "User: arn:aws:iam::123456789012:user/test is not authorized to perform: dynamodb:{action} on resource: \
         arn:aws:dynamodb:eu-west-1:123456789012:table/segments"
    );
    error(400, "AccessDeniedException", &message)
}

/// The credentials have expired.
pub fn expired() -> Message {
    error(400, "ExpiredTokenException", "The security token included in the request is expired")
}

/// A transaction was cancelled because of one of its items.
pub fn cancelled(request: &Message, place: usize, code: &str) -> Message {
    let request: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let items = request["TransactItems"].as_array().map_or(1, Vec::len);
    let code_of = |item| if item == place % items { code } else { "None" };
    let reasons: Vec<Value> = (0..items).map(|item| json!({"Code": code_of(item)})).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{code}]"),
        "CancellationReasons": reasons,
    });
    Message::response(400, JSON, body.to_string())
}

/// Passes on only so many of the keys of a `BatchGetItem`, and gives the others back as
/// unprocessed.
pub fn unprocessed(request: &Message, processed: usize) -> Reaction {
    let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some((table, wanted)) = body["RequestItems"].as_object_mut().and_then(|all| all.iter_mut().next())
    else {
        return Reaction::Pass;
    };
    let mut left = wanted.clone();
    let keys = wanted["Keys"].as_array_mut().expect("the request has keys");
    left["Keys"] = keys.split_off(processed.min(keys.len())).into();
    let left = if left["Keys"] == json!([]) { json!({}) } else { json!({table: left}) };
    if keys.is_empty() {
        let body = json!({"Responses": {table: []}, "UnprocessedKeys": left});
        return Reaction::Respond(Message::response(200, JSON, body.to_string()));
    }
    let instead = Message { body: body.to_string().into_bytes(), ..request.clone() };
    Reaction::Edit(
        instead,
        Box::new(move |mut answer| {
            let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            body["UnprocessedKeys"] = left;
            answer.body = body.to_string().into_bytes();
            // It is that of the whole answer.
            answer.headers.retain(|(name, _)| name != "x-amz-crc32");
            answer
        }),
    )
}
