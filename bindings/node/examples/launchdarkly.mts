// The official SDK with our store: npx tsx launchdarkly.mts
import { init } from "@launchdarkly/node-server-sdk";
import { bigSegments } from "bigseg/launchdarkly";

const client = init(process.env["LAUNCHDARKLY_SDK_KEY"] ?? "", {
  bigSegments: bigSegments("redis://localhost:6379", { prefix: "my-prefix" }),
});
await client.waitForInitialization({ timeout: 10 });
console.log(await client.variationDetail("my-flag", { kind: "user", key: "alice" }, false));
client.close();
