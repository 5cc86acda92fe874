// The official Node SDK reads a store and evaluates flags: a request comes on standard input, the answers go out.
// Request and answers are JSON; README.md describes them.
'use strict';

const { init, integrations } = require('@launchdarkly/node-server-sdk');
const { RedisBigSegmentStore } = require('@launchdarkly/node-server-sdk-redis');
// For an older SDK, but its store fits the present one; the registry has no newer package.
const { DynamoDBBigSegmentStore } = require('launchdarkly-node-server-sdk-dynamodb');

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Makes the SDK's own store, as a factory. */
function storeFactory(store) {
  const prefix = store.prefix === null ? {} : { prefix: store.prefix };
  return {
    redis: () => {
      const { hostname, port, username, password } = new URL(store.url);
      const login = username ? { username, password } : {};
      return RedisBigSegmentStore({ redisOpts: { host: hostname, port: Number(port), ...login }, ...prefix });
    },
    dynamodb: () => {
      const { table, endpoint, region } = store;
      return DynamoDBBigSegmentStore(table, { clientOptions: { endpoint, region }, ...prefix });
    },
  }[store.kind]();
}

/** Returns what the store itself says. */
async function read(request) {
  const store = storeFactory(request.store)({ basicConfiguration: { logger: silent } });
  try {
    const memberships = {};
    for (const hash of request.hashes) {
      memberships[hash] = (await store.getUserMembership(hash)) ?? null;
    }
    return { synchronized_on: (await store.getMetadata()).lastUpToDate ?? null, memberships };
  } finally {
    store.close();
  }
}

/** Returns what a whole client makes of it. */
async function evaluate(request) {
  const files = new integrations.FileDataSourceFactory({ paths: [request.flags] });
  const store = request.store && { store: storeFactory(request.store), staleAfter: request.stale_after };
  const client = init('sdk-key', {
    sendEvents: false,
    logger: silent,
    updateProcessor: files.getFactory(),
    ...(store ? { bigSegments: store } : {}),
  });
  try {
    await client.waitForInitialization({ timeout: 60 });
    const evaluations = [];
    for (const { flag, context } of request.evaluations) {
      const { value, reason } = await client.variationDetail(flag, context, null);
      evaluations.push({ value, reason: reason.kind, status: reason.bigSegmentsStatus ?? null });
    }
    return { evaluations };
  } finally {
    client.close();
  }
}

async function main() {
  let text = '';
  for await (const piece of process.stdin) text += piece;
  const request = JSON.parse(text);
  const answers = await ('evaluations' in request ? evaluate(request) : read(request));
  process.stdout.write(JSON.stringify(answers));
}

// A store that was refused prints what its client library says; the exit status counts.
console.warn = console.error;
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
