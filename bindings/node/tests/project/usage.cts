// What a strict TypeScript program may write in CommonJS.
import bigseg = require("bigseg");
import launchdarkly = require("bigseg/launchdarkly");

export async function isMember(): Promise<boolean | undefined> {
  const engine = await bigseg.Engine.open("memory:");
  return engine.membershipSync("alice").check("beta.g1");
}
export const settings: { userCacheTime: number } = launchdarkly.bigSegments("memory:");
