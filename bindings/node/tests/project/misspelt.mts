// What must not compile: options that do not exist. The test checks the error of each line.
import { Engine, Import, Integration, displayStore } from "bigseg";

await Engine.open("redis://localhost", { prefx: "p" });
await Engine.open("redis://localhost", { contextCacheSise: 5 });
await Engine.open("dynamodb://table", { regoin: "eu-west-1" });
await Engine.open("redis://localhost", { raw_prefix: "p" });
await Engine.open("redis+sentinel://a,b/main", { readFrom: "slave" });
await Engine.open("dynamodb://table", { consistency: "weak" });
await Import.open("redis://localhost", { pasword: "p" });
await Integration.start("main", { sdkKey: "key" }, "redis://localhost", { databse: 3 });
displayStore("redis://localhost", { tsl: true });
(await Import.open("memory:")).add("alice", "beta.g1", false);
