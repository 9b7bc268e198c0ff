import { setTimeout as sleep } from "node:timers/promises";
import fastify, { type FastifyInstance, type onRequestHookHandler } from "fastify";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { RequestError, replyNotFound } from "./errors.js";
import { isLoopback } from "./keys.js";
import { type RecommenderPluginOptions, recommenderPlugin } from "./plugin.js";

/** Options of {@link serveRecommender}. */
export interface ServeOptions extends Omit<RecommenderPluginOptions, "ready"> {
  /** Default 3000; 0: any that is free. */
  readonly port?: number;
  /** Address to listen on; default 127.0.0.1. Any that other machines reach takes keys. */
  readonly host?: string;
  /** Bytes of a request's body at most; default 1 MiB. */
  readonly bodyLimit?: number;
  /**
   * Milliseconds between the moment at which `/ready` says no and the last connection that is taken; default 250. Requests of
   * that time are answered too, and their connections end.
   */
  readonly drainMs?: number;
  /** Whether SIGTERM and SIGINT close it; default false. */
  readonly signals?: boolean;
}

/** A server that runs. */
export interface RecommenderServer extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string;
  /** Resolves when it is closed. */
  readonly closed: Promise<void>;
  /** Says that it is not ready, lets running requests end, then closes the recommender. Twice is fine. */
  close(): Promise<void>;
}

const signals = ["SIGTERM", "SIGINT"] as const;
/** Milliseconds between two looks for connections that have nothing to do any more. */
const sweepMs = 20;
/** Milliseconds after which a connection on which no request runs is ended, whatever it has begun to send. */
const longestEnd = 5000;

/**
 * Serves a recommender over HTTP, which it owns from then on.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options: an address that other machines reach, without keys, or a port that is
 *   taken; the recommender stays open then.
 * @example
 * ```ts
 * const server = await serveRecommender({ recommender: await Recommender.open("recommender"), port: 3000, signals: true });
 * console.log(server.url);
 * ```
 */
export async function serveRecommender(options: ServeOptions): Promise<RecommenderServer> {
  const {
    recommender,
    port = 3000,
    host = "127.0.0.1",
    bodyLimit = 2 ** 20,
    drainMs = 250,
    keys = [],
  } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw argumentError("port", "an integer from 0 to 65535", port);
  if (keys.length === 0 && !isLoopback(host))
    throw argumentError(
      "host",
      "127.0.0.1 or another address of this machine alone, for there are no keys",
      host,
    );
  let draining = false;
  const app = fastify({ bodyLimit, return503OnClosing: false, routerOptions: { maxParamLength: 500 } });
  app.setNotFoundHandler(replyNotFound);
  let running = 0;
  app.addHook("preHandler", (_, reply, done) => {
    running++;
    reply.raw.once("close", () => running--);
    done();
  });
  if (keys.length === 0) app.addHook("onRequest", fromHere);
  app.addHook("onSend", (_, reply, payload, done) => {
    if (draining) void reply.header("connection", "close");
    done(null, payload);
  });
  await app.register(recommenderPlugin, { ...options, ready: () => !draining });
  const url = await listening(app, host, port);

  const close = async (): Promise<void> => {
    draining = true;
    await sleep(drainMs);
    await ended(app, () => running);
    await recommender.close();
  };
  let closing: Promise<void> | undefined;
  let resolve: (() => void) | undefined;
  const closed = new Promise<void>((done) => {
    resolve = done;
  });
  const server: RecommenderServer = {
    url,
    closed,
    close: () => {
      closing ??= close().finally(() => resolve?.());
      return closing;
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
  if (options.signals === true) {
    const onSignal = (): void => void server.close();
    for (const signal of signals) process.once(signal, onSignal);
    void closed.then(() => {
      for (const signal of signals) process.off(signal, onSignal);
    });
  }
  return server;
}

/**
 * Without keys a server is for this machine alone, also from a browser: a page from elsewhere must neither ask it nor, by a
 * name that leads here, pretend to be its own.
 */
const fromHere: onRequestHookHandler = (request, _, done) => {
  const { host = "", origin } = request.headers;
  const foreign = !isLoopback(hostName(host)) || (origin !== undefined && origin !== `http://${host}`);
  done(
    foreign
      ? new RequestError(403, "E_ORIGIN", "expected a request from this machine's own address")
      : undefined,
  );
};

/** The host of a Host header, without its port. */
const hostName = (host: string): string => host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");

async function listening(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ port, host });
  } catch (cause) {
    await app.close();
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_ARGUMENT", `port: expected one to listen on, got ${port}: ${reason}`, {
      cause,
    });
  }
}

/**
 * Takes no connection any more and waits for the requests that run. Connections that stay open idle are ended, and after a
 * while all others too on which no request runs: half a request, or none, would keep the server for ever.
 */
async function ended(app: FastifyInstance, running: () => number): Promise<void> {
  const begin = performance.now();
  const sweep = setInterval(() => {
    app.server.closeIdleConnections();
    if (running() === 0 && performance.now() - begin > longestEnd) app.server.closeAllConnections();
  }, sweepMs);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
  }
}
