import type { FastifyInstance } from "fastify";
import type { Context } from "../context.js";
import { answers, failure, liveAnswer, readyAnswer } from "../schemas.js";

/** Routes that machines watch, without a key. */
export function stateRoutes(app: FastifyInstance, { recommender, ready }: Context): void {
  app.get(
    "/live",
    { schema: { summary: "Whether the process answers", response: answers(liveAnswer) } },
    async () => ({ live: true }),
  );
  app.get(
    "/ready",
    {
      schema: {
        summary: "Whether requests should come here",
        response: { 200: readyAnswer, 503: readyAnswer, "4xx": failure },
      },
    },
    async (_, reply) => {
      const now = ready() && !recommender.closed;
      void reply.code(now ? 200 : 503);
      return { ready: now, snapshot: recommender.snapshot };
    },
  );
}

/** The figures, for Prometheus. */
export function metricsRoute(app: FastifyInstance, { meters: { registry } }: Context): void {
  app.get(
    "/metrics",
    { schema: { summary: "Figures for Prometheus", response: { 200: { type: "string" } } } },
    async (_, reply) => {
      void reply.type(registry.contentType);
      return registry.metrics();
    },
  );
}
