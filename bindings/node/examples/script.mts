// Fills an embedded store from a list, and looks up contexts: npx tsx script.mts
import { Engine, Import } from "bigseg";

const store = "local:./population.bigseg";

const users = await Import.open(store, { replace: "beta.g1" });
users.add("alice", "beta.g1");
users.add("bob", "beta.g1", "exclude");
console.log(await users.commit());

await using engine = await Engine.open(store, { staleAfter: null });
for (const user of ["alice", "bob", "carol"]) {
  // An embedded store needs no promise.
  const answer = engine.membershipSync(user);
  console.log(user, answer.check("beta.g1") ?? "no value: the segment's rules decide", answer.status);
}
