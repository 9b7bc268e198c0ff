import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { readTensorFile } from "../../lib/storage/safetensors.js";
import { folderOf } from "../datasets/temporary.js";
import { ageLeftovers } from "./leftovers.js";

const script = fileURLToPath(new URL("./rewriter.js", import.meta.url));

/**
 * Kills a process that rewrites a file, at random points and again and again: each time the file must be one of the
 * written versions, whole, and none older than the last that was told to be on disk.
 */
export async function survives(t: ExecutionContext, kills: number): Promise<void> {
  const folder = folderOf(t, {});
  const path = join(folder, "checkpoint.safetensors");
  let version = 0;
  for (let kill = 0; kill < kills; kill++) {
    const child = spawn(process.execPath, [script, path, String(version + 1)]);
    let told = "";
    child.stdout.on("data", (text) => {
      told += text;
    });
    const closed = once(child, "close");
    await Promise.race([once(child.stdout, "data"), closed]);
    await setTimeout(Math.random() * 20);
    child.kill("SIGKILL");
    const [, signal] = await closed;
    t.is(signal, "SIGKILL", "it ran until it was killed");
    ageLeftovers(folder);

    const { metadata, tensors } = await readTensorFile(path, { kind: "checkpoint", verify: true });
    version = Number(metadata.version_of_test);
    const promised = Number(told.trim().split("\n").at(-1));
    t.true(version >= promised, `version ${version} after ${promised} was on disk`);
    const values = tensors.get("a")?.values ?? [];
    t.is(values.length, 100_000 + (version % 7) * 1000);
    t.true(values.every((value) => value === version));
    t.deepEqual(tensors.get("b")?.values, Int32Array.of(version));
    t.true(readdirSync(folder).length <= 2, "what the killed ones left does not pile up");
  }
}
