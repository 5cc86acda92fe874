// Jest gives each file its own context, and loads modules again after `resetModules`.
const first = require("bigseg");

test("the package works again after every reset of the modules", async () => {
  for (let round = 0; round < 10; round++) {
    jest.resetModules();
    const { Engine, Import, contextHash } = require("bigseg");
    expect(Engine).not.toBe(first.Engine);
    const users = await Import.open(`memory:jest-${round}`);
    users.add("alice", "beta.g1");
    await users.commit();
    const engine = await Engine.open(`memory:jest-${round}`);
    expect((await engine.membership("alice")).check("beta.g1")).toBe(true);
    expect(engine.cached("alice").check("beta.g1")).toBe(true);
    expect(contextHash("user1")).toHaveLength(44);
    // Half of them are left open.
    if (round % 2 === 0) await engine.close();
  }
});

test("errors, listeners and fake timers", async () => {
  jest.useFakeTimers();
  const engine = await first.Engine.open({ metadata: () => ({ lastUpToDate: 1 }), memberships: (h) => h.map(() => null) });
  expect(() => engine.cached("")).toThrow(first.BigSegError);
  engine.onStatusChange(() => {});
  jest.useRealTimers();
  expect((await engine.membership("alice")).origin).toBe("store");
  await engine.close();
});
