import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pc from "picocolors";
import { generateShop } from "../data/shop/index.js";
import { serveRecommender } from "../http/server.js";
import { embeddedModel } from "../llm/embedded.js";
import { findBackbone } from "../models/registry.js";
import { setThreads } from "../native/addon.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { readManifest } from "../serving/manifest.js";
import { Recommender } from "../serving/recommender.js";
import { withProgress } from "./progress.js";
import { makeRecommender } from "./recommenderFolder.js";

/** Options of `llama4rec serve`, as parsed. */
export interface ServeCommandOptions {
  readonly port: number;
  readonly host: string;
  readonly ui?: boolean;
  readonly keyFile?: string;
  /** False for `--no-llm`. */
  readonly llm: boolean;
  readonly rateLimit?: number;
  readonly watch?: boolean;
  readonly threads?: number;
}

/** Milliseconds between two looks at the folder. */
const watchMs = 1000;
/** Milliseconds after which one that could not be opened is tried again. */
const retryMs = 30_000;

/** `llama4rec serve`: answers over HTTP until it is told to end. */
export async function serve(folder: string | undefined, options: ServeCommandOptions): Promise<void> {
  const { port, host, ui = false, keyFile, llm, rateLimit, watch = false, threads } = options;
  const keys = keyFile === undefined ? [] : await readKeys(keyFile);
  if (threads !== undefined) setThreads(threads);
  const own = folder === undefined ? await demonstration(llm) : null;
  try {
    const recommender = await Recommender.open(folder ?? own ?? "", llm ? {} : { languageModel: false });
    try {
      const onFault = (error: unknown): void => console.error(pc.red("fault"), error);
      const server = await serveRecommender({
        ...{ recommender, port, host, ui, keys, rateLimit, onFault },
        signals: true,
      });
      const watching = watch ? watched(recommender) : undefined;
      console.log(`listening on ${server.url}${ui ? ", the page too" : ""}`);
      await server.closed;
      clearInterval(watching);
    } finally {
      await recommender.close();
    }
  } finally {
    if (own !== null) await rm(own, { recursive: true, force: true });
  }
}

/** Trains the demonstration shop's recommender into a folder of its own. */
async function demonstration(llm: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-"));
  try {
    await withProgress(false, (bars, signal) =>
      makeRecommender(
        {
          folder,
          dataset: generateShop(),
          backbone: findBackbone("MF", "direct"),
          protocol: "paper",
          languageModel: llm ? (embeddedModel()?.modelPath ?? null) : null,
          seed: 1,
        },
        bars,
        signal,
      ),
    );
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Keys of a file, one a line; a line that begins with # is none. */
async function readKeys(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `--key-file: expected a file of keys, got: ${reason}`, { cause });
  });
  const keys = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw argumentError("--key-file", "at least one key", "none");
  return keys;
}

/** Reloads a recommender when its folder was saved anew; what cannot be opened is told, and the old one goes on. */
function watched(recommender: Recommender): NodeJS.Timeout {
  const failed = { generation: "", again: 0 };
  const look = async (): Promise<void> => {
    const { generation } = await readManifest(recommender.folder);
    if (generation === recommender.snapshot) return;
    if (generation === failed.generation && performance.now() < failed.again) return;
    try {
      await recommender.reload();
      console.log(`answering from ${recommender.snapshot}`);
    } catch (error) {
      Object.assign(failed, { generation, again: performance.now() + retryMs });
      throw error;
    }
  };
  const tell = (error: unknown): void =>
    console.error(pc.red("reload"), error instanceof Error ? error.message : error);
  return setInterval(() => void look().catch(tell), watchMs);
}
