/** A recommender with a language model, served on a free port of this machine until the test ends. */
import type { ExecutionContext } from "ava";
import { type RecommenderServer, type ServeOptions, serveRecommender } from "../../lib/http/index.js";
import type { RecommenderOptions } from "../../lib/serving/options.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { fileOf } from "../datasets/temporary.js";
import { WEIGHTS } from "../llm/files.js";
import { tinyGguf } from "../llm/tinyGguf.js";
import { savedShelf, shelfOf } from "../serving/shelf.js";

/** An answer with its parts. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks into
  readonly body: any;
}

/** A server under test. */
export interface Served {
  readonly folder: string;
  readonly recommender: Recommender;
  readonly server: RecommenderServer;
  readonly url: string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** The folder of a recommender whose language model is a tiny Llama of random weights. */
export const tinyFolder = (t: ExecutionContext): Promise<string> =>
  savedShelf(t, shelfOf(), {
    languageModel: fileOf(t, "tiny.gguf", tinyGguf(WEIGHTS)),
    mixing: { alpha1: 0.8, alpha2: 0.5 },
  });

/** Serves it. */
export async function served(
  t: ExecutionContext,
  options: Partial<ServeOptions> = {},
  open: RecommenderOptions = {},
): Promise<Served> {
  const folder = await tinyFolder(t);
  const recommender = await Recommender.open(folder, open);
  const server = await serveRecommender({ recommender, port: 0, drainMs: 0, ...options });
  t.teardown(() => server.close());
  const { url } = server;
  return {
    ...{ folder, recommender, server, url },
    get: (path, headers) => answerOf(fetch(url + path, { headers })),
    post: (path, body, headers) => answerOf(posted(url + path, body, headers)),
  };
}

/** Posts JSON; a text goes as it is. */
export const posted = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

async function answerOf(pending: Promise<Response>): Promise<Answer> {
  const response = await pending;
  const text = await response.text();
  const json = response.headers.get("content-type")?.startsWith("application/json") === true;
  return {
    ...{ status: response.status, headers: response.headers, text },
    body: json ? JSON.parse(text) : undefined,
  };
}
