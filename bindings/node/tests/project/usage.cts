// The same package for CommonJS.
import bigseg = require("bigseg");
import launchdarkly = require("bigseg/launchdarkly");

export async function ask(): Promise<boolean | undefined> {
  const engine = await bigseg.Engine.open("memory:");
  return engine.membershipSync("alice").check("beta.g1");
}
export const settings: { userCacheTime: number } = launchdarkly.bigSegments("memory:");
