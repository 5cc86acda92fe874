// A DynamoDB of the test's own: the emulator of tests/emulator, which BIGSEG_EMULATOR names, with an empty table in it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

const TABLE = "segments";
const REGION = "eu-west-1";
// The emulator takes any.
const credentials = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_EC2_METADATA_DISABLED: "true" };

export class DynamoDbServer {
  /** Says why there is none to be had, for a test that is then skipped. */
  static get missing() {
    return process.env.BIGSEG_EMULATOR ? false : "BIGSEG_EMULATOR names no DynamoDB emulator";
  }

  static async start() {
    Object.assign(process.env, credentials);
    const server = new DynamoDbServer();
    // It ends when its standard input does.
    server.process = spawn(process.env.BIGSEG_EMULATOR, { stdio: ["pipe", "pipe", "ignore"] });
    const [port] = await once(server.process.stdout, "data");
    server.endpoint = `http://127.0.0.1:${Number(port)}`;
    await server.#createTable();
    return server;
  }

  get store() {
    return `dynamodb://${TABLE}?region=${REGION}&endpoint=${this.endpoint}`;
  }

  async kill() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }

  stop() {
    return this.kill();
  }

  async #createTable() {
    const names = { namespace: "HASH", key: "RANGE" };
    const table = {
      TableName: TABLE,
      KeySchema: Object.entries(names).map(([AttributeName, KeyType]) => ({ AttributeName, KeyType })),
      AttributeDefinitions: Object.keys(names).map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      BillingMode: "PAY_PER_REQUEST",
    };
    const scope = `Credential=test/20260101/${REGION}/dynamodb/aws4_request`;
    const headers = {
      "X-Amz-Target": "DynamoDB_20120810.CreateTable",
      "X-Amz-Date": "20260101T000000Z",
      "Content-Type": "application/x-amz-json-1.0",
      // The emulator looks at the form of a signature only.
      Authorization: `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host;x-amz-date, Signature=0`,
    };
    const answer = await fetch(this.endpoint, { method: "POST", headers, body: JSON.stringify(table) });
    assert.equal(answer.status, 200, await answer.text());
  }
}
