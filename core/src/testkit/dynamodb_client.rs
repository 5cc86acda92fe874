//! A client of DynamoDB that shares no code with the store.

use std::io::BufReader;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::http::Message;

/// Sends requests, each on a connection of its own. They are not signed; the servers of tests
/// accept that.
#[derive(Debug, Clone)]
pub struct DynamoDbClient {
    host: String,
    table: String,
}

impl DynamoDbClient {
    /// Names a server, as `host:port`, and a table.
    pub fn new(host: &str, table: &str) -> Self {
        Self { host: host.to_owned(), table: table.to_owned() }
    }

    /// Sends a request to the table and returns the answer's status and JSON.
    pub fn try_run(&self, action: &str, mut request: Value) -> std::io::Result<(u16, Value)> {
        if request["TableName"].is_null() {
            request["TableName"] = json!(self.table);
        }
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature=0";
        let message = Message {
            first_line: "POST / HTTP/1.1".to_owned(),
            headers: vec![
                header("host", &self.host),
                header("content-type", "application/x-amz-json-1.0"),
                header("x-amz-date", "20260101T000000Z"),
                header("x-amz-target", &format!("DynamoDB_20120810.{action}")),
                header("authorization", scope),
            ],
            body: request.to_string().into_bytes(),
        };
        let mut stream = TcpStream::connect(&self.host)?;
        message.write(&mut stream)?;
        let answer = Message::read(&mut BufReader::new(stream))?.unwrap_or_default();
        Ok((answer.status(), serde_json::from_slice(&answer.body).unwrap_or_default()))
    }

    /// Sends a request that must succeed.
    #[track_caller]
    pub fn run(&self, action: &str, request: Value) -> Value {
        match self.try_run(action, request).expect("the server is there") {
            (200, answer) => answer,
            (status, answer) => panic!("{action} was answered with {status}: {answer}"),
        }
    }

    /// Returns every item of the table, sorted.
    pub fn all(&self) -> Vec<Value> {
        let mut items = self.run("Scan", json!({}))["Items"].as_array().expect("a list").clone();
        items.sort_by_key(Value::to_string);
        items
    }
}
