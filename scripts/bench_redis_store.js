// Measures the official Node SDK's Redis store: bench_redis_store.js URL CONTEXTS CALLERS SECONDS.
// So many promises look up random contexts of the benchmark's population, uncached; prints lookups a second.
'use strict';

const { createHash } = require('node:crypto');
const { RedisBigSegmentStore } = require('@launchdarkly/node-server-sdk-redis');

async function lookUp(store, contexts, until) {
  let count = 0;
  while (performance.now() < until) {
    const key = `user-${String(Math.floor(Math.random() * contexts)).padStart(12, '0')}`;
    await store.getUserMembership(createHash('sha256').update(key).digest('base64'));
    count += 1;
  }
  return count;
}

async function main() {
  const [url, ...numbers] = process.argv.slice(2);
  const [contexts, callers, seconds] = numbers.map(Number);
  const { hostname, port } = new URL(url);
  const store = RedisBigSegmentStore({ redisOpts: { host: hostname, port: Number(port) } })();
  await lookUp(store, contexts, performance.now() + 200);
  const begin = performance.now();
  const all = Array.from({ length: callers }, () => lookUp(store, contexts, begin + seconds * 1000));
  const count = (await Promise.all(all)).reduce((sum, one) => sum + one, 0);
  console.log(count / ((performance.now() - begin) / 1000));
  store.close();
}

main();
