import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import { argumentError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";
import type { Recommender } from "../serving/recommender.js";
import type { Context } from "./context.js";
import { failureOf, RequestError, replyWith } from "./errors.js";
import { checkedKeys, keyCheck, keyOf } from "./keys.js";
import { Meters } from "./metrics.js";
import { adminRoutes } from "./routes/admin.js";
import { answerRoutes } from "./routes/answers.js";
import { pageRoutes, searchRoutes } from "./routes/page.js";
import { metricsRoute, stateRoutes } from "./routes/state.js";
import { validatorCompiler } from "./validation.js";

/** Options of {@link recommenderPlugin}. */
export interface RecommenderPluginOptions {
  /** Answers; the caller closes it. */
  readonly recommender: Recommender;
  /** API keys, of which a request brings one; default: none is asked for. */
  readonly keys?: readonly string[];
  /** Whether there are routes that change what is answered, `/update` and `/reload`; default true. */
  readonly admin?: boolean;
  /** Whether there is the page, at `/`; default false. */
  readonly ui?: boolean;
  /** Requests a minute of one key, or of one address without keys; default: no limit. */
  readonly rateLimit?: number;
  /** Told of what went wrong inside the server; default: the log of the Fastify server. */
  readonly onFault?: (error: unknown) => void;
  /** Whether requests should come here, for `/ready`; default: always. */
  readonly ready?: () => boolean;
}

/**
 * The recommender as routes of a Fastify server: `/recommend`, `/recommend/many`, `/score`, `/rate`, `/items/:id/similar`, `/explain`,
 * `/update`, `/reload`, `/live`, `/ready`, `/metrics` and `/openapi.json`. It keeps to itself: validation, errors, keys and
 * limits of the server around it stay as they are.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options, when the server gets ready.
 * @example
 * ```ts
 * await using recommender = await Recommender.open("recommender");
 * const app = fastify();
 * await app.register(recommenderPlugin, { prefix: "/v1", recommender, keys: [process.env.KEY ?? ""] });
 * await app.listen({ port: 3000 });
 * ```
 */
export const recommenderPlugin: FastifyPluginAsync<RecommenderPluginOptions> = async (app, options) => {
  const { recommender, keys = [], admin = true, ui = false, rateLimit: max, ready = () => true } = options;
  if (max !== undefined && (!Number.isInteger(max) || max < 1))
    throw argumentError("rateLimit", "requests a minute, at least 1", max);
  checkedKeys(keys);
  const shared: Context = { recommender, meters: new Meters(recommender), ready };

  app.setValidatorCompiler(validatorCompiler());
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = failureOf(error);
    shared.meters.failed(body.error.code);
    if (status >= 500 && options.onFault !== undefined) options.onFault(error);
    else if (status >= 500) request.log.error(error);
    return replyWith(reply, status, body);
  });
  await documented(app, keys.length > 0);
  stateRoutes(app, shared);
  if (ui) await pageRoutes(app);

  await app.register(async (guarded) => {
    if (keys.length > 0) guarded.addHook("onRequest", keyCheck(keys));
    if (max !== undefined)
      await guarded.register(rateLimit, {
        max,
        timeWindow: "1 minute",
        keyGenerator: (request) => (keys.length === 0 ? request.ip : (keyOf(request) ?? request.ip)),
        errorResponseBuilder: (_, { after }) =>
          new RequestError(
            429,
            "E_RATE_LIMIT",
            `expected at most ${max} requests a minute; again in ${after}`,
          ),
      });
    answerRoutes(guarded, shared);
    if (admin) adminRoutes(guarded, shared);
    if (ui) searchRoutes(guarded, shared);
    metricsRoute(guarded, shared);
  });
};

/** The OpenAPI document of the routes that follow. */
async function documented(app: FastifyInstance, withKeys: boolean): Promise<void> {
  const security: Record<string, string[]>[] = withKeys ? [{ bearer: [] }, { key: [] }] : [];
  await app.register(swagger, {
    decorator: "recommenderDocument",
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "llama4rec",
        description: "A recommender: conventional models and a local Llama that help each other.",
        version: packageVersion(),
      },
      security,
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          key: { type: "apiKey", in: "header", name: "x-api-key" },
        },
      },
    },
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.recommenderDocument());
}

declare module "fastify" {
  interface FastifyInstance {
    /** The OpenAPI document of {@link recommenderPlugin}. */
    recommenderDocument(): object;
  }
}
