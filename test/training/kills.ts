/** Processes that train and are killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Random } from "../../lib/data/random.js";
import { ageLeftovers } from "../storage/leftovers.js";

const script = fileURLToPath(new URL("./killed.js", import.meta.url));

/** Starts a process that trains and writes a checkpoint after every step. */
function start(path: string, epochs: number): { child: ChildProcess; lines: AsyncIterable<string> } {
  const child = spawn(process.execPath, [script, path, String(epochs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("no output");
  return { child, lines: createInterface({ input: child.stdout }) };
}

/** Lets a process come to its end: the digest of the trained model. */
async function finish(path: string, epochs: number): Promise<string> {
  let last = "";
  for await (const line of start(path, epochs).lines) last = line;
  return last;
}

/**
 * Kills a training process again and again, each time after some more checkpoints and a random moment, then lets it come
 * to its end.
 * @returns How often it was killed, and the digests of its model and of one that was never killed.
 */
export async function killAndResume(options: {
  kills: number;
  epochs: number;
}): Promise<{ kills: number; killed: string; straight: string }> {
  const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
  const path = join(folder, "killed.checkpoint");
  const random = new Random(1);
  try {
    let kills = 0;
    let reached = 0;
    while (kills < options.kills) {
      const { child, lines } = start(path, options.epochs);
      const exit = once(child, "exit");
      let checkpoints = 1 + random.below(5);
      for await (const line of lines) {
        const step = Number(line);
        if (!(step > reached)) throw new Error(`expected a step after ${reached}, got ${line}`);
        reached = step;
        if (--checkpoints === 0) break;
      }
      await sleep(random.below(8));
      child.kill("SIGKILL");
      await exit;
      if (child.signalCode === "SIGKILL") kills++;
      ageLeftovers(folder);
    }
    const killed = await finish(path, options.epochs);
    const left = readdirSync(folder);
    if (left.length > 1) throw new Error(`expected the checkpoint alone, got ${left.join(", ")}`);
    return { kills, killed, straight: await finish(join(folder, "straight.checkpoint"), options.epochs) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
