/** What the tests of the examples share. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { generateShop, type RecommenderParts, saveRecommender, split, train } from "llama4rec";
import { folderOf } from "../datasets/temporary.js";

export const shop = generateShop();
export const shopView = split(shop).train;

/** A folder of the embedded shop's recommender, until the test ends. */
export async function shopFolder(
  t: ExecutionContext,
  parts: Pick<RecommenderParts, "languageModel" | "mixing">,
): Promise<string> {
  const folder = join(folderOf(t, {}), "recommender");
  const hyperparameters = { epochs: 3, dimension: 16 };
  const { ranker } = await train({ backbone: "MF", view: shopView, seed: 1, hyperparameters, worker: false });
  const { users, items } = shop;
  await saveRecommender(folder, { ranker, view: shopView, users, items, ...parts });
  ranker.dispose();
  return folder;
}

/** A program that runs. */
export interface Program {
  readonly child: ChildProcess;
  /** All that it has written, errors too. */
  readonly output: () => string;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
}

/** Runs an example as its user does. */
export function run(t: ExecutionContext, name: string, ...args: string[]): Program {
  const path = fileURLToPath(new URL(`../../docs/examples/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  t.teardown(() => child.kill("SIGKILL"));
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (more: string) => {
      text += more;
    });
  return { child, output: () => text, ended: once(child, "close").then(([code]) => code) };
}
