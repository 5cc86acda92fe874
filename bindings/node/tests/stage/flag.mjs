// A client of the official SDK with one flag, which is on for members of one big segment.
import ld from "@launchdarkly/node-server-sdk";
import testData from "@launchdarkly/node-server-sdk/integrations";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Opens a client; `segment` adds to, or takes from, the big segment `beta` of generation 3. */
export async function openClient(bigSegments, segment = {}, logger = quiet) {
  const data = new testData.TestData();
  await data.usePreconfiguredSegment({
    key: "beta",
    version: 1,
    unbounded: true,
    unboundedContextKind: "user",
    generation: 3,
    included: [],
    excluded: [],
    salt: "salt",
    rules: [],
    ...segment,
  });
  await data.usePreconfiguredFlag({
    key: "flag",
    version: 1,
    on: true,
    variations: [false, true],
    fallthrough: { variation: 0 },
    offVariation: 0,
    rules: [
      { id: "rule", variation: 1, trackEvents: false, clauses: [{ attribute: "", op: "segmentMatch", values: ["beta"] }] },
    ],
    targets: [],
    prerequisites: [],
    salt: "salt",
  });
  const client = ld.init("sdk-key", {
    updateProcessor: data.getFactory(),
    sendEvents: false,
    diagnosticOptOut: true,
    logger,
    ...(bigSegments && { bigSegments }),
  });
  await client.waitForInitialization({ timeout: 60 });
  return client;
}

/** Evaluates the flag: whether it is on, and the status of the big segment. */
export async function evaluate(client, key) {
  const { value, reason } = await client.variationDetail("flag", { kind: "user", key }, false);
  return [value, reason.bigSegmentsStatus];
}
