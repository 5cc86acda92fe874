// A service that answers from its cache, or else from Redis: npx tsx fastify.mts
import { BigSegError, Engine } from "bigseg";
import fastify from "fastify";

const engine = await Engine.open(process.env["BIGSEG_STORE"] ?? "redis://localhost:6379", { lookupDeadline: 200 });
engine.onStatusChange((status) => console.log("store:", status.available, status.lastError?.message ?? ""));

const service = fastify();

service.get<{ Params: { user: string; segment: string } }>("/users/:user/segments/:segment", async (request, reply) => {
  const { user, segment } = request.params;
  try {
    // No promise at all for users who were here a moment ago.
    const answer = engine.cached(user) ?? (await engine.membership(user, { signal: AbortSignal.timeout(300) }));
    return { included: answer.check(segment) ?? null, status: answer.status };
  } catch (error) {
    if (error instanceof BigSegError && error.kind === "invalid_context_key") return reply.code(400).send();
    throw error;
  }
});

service.get("/health", async (_, reply) => {
  const { available, stale } = engine.status();
  return reply.code(available ? 200 : 503).send({ available, stale, ...engine.metrics() });
});

service.addHook("onClose", () => engine.close());
await service.listen({ port: Number(process.env["PORT"] ?? 3000) });
