import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { cpuInfo, native, setThreads, threads } from "../../lib/native/addon.js";
import { encoderLines } from "./encoder.js";
import { graphTraining, ratingTraining } from "./epochTraining.js";
import { eventLoopLine } from "./eventLoop.js";
import { gatherLine } from "./gather.js";
import { languageModelLines } from "./languageModel.js";
import { bandwidth, rowBytes, tableOf } from "./lines.js";
import { topKLines } from "./topK.js";
import { factorTraining, sequenceTraining } from "./training.js";

function printLimits(): void {
  const { level, processors } = cpuInfo();
  console.log(
    `${cpus()[0]?.model ?? "unknown processor"}, ${processors} processors, level ${level}, Node ${process.version}`,
  );
  console.log("Limits measured in this run, one thread and all:");
  for (const [name, items] of [
    ["cache", 10_000],
    ["last level", 100_000],
    ["memory", 1_000_000],
  ] as const) {
    const bytes = items * rowBytes;
    const all = native().readBandwidth(bytes, processors);
    console.log(
      `  read ${(bytes / 1e6).toFixed(1)} MB (${name}): ${bandwidth(items).toFixed(1)} and ${all.toFixed(1)} GB/s`,
    );
  }
  console.log(
    `  FMA float32: ${native().fmaRate(1).toFixed(1)} and ${native().fmaRate(processors).toFixed(1)} GFLOP/s`,
  );
}

/** Runs a section with a pool of this size. */
async function withThreads<T>(count: number, body: () => Promise<T>): Promise<T> {
  const before = threads();
  setThreads(count);
  try {
    return await body();
  } finally {
    setThreads(before);
  }
}

const { positionals: asked, values: options } = parseArgs({
  allowPositionals: true,
  options: { model: { type: "string" } },
});

const sections: Readonly<Record<string, () => Promise<void>>> = {
  topk: () =>
    withThreads(1, async () => {
      for (const items of [10_000, 100_000, 1_000_000]) console.log(tableOf(await topKLines(items)));
    }),
  gather: () =>
    withThreads(1, async () => {
      console.log(tableOf([await gatherLine(10_000), await gatherLine(1_000_000)]));
    }),
  encoder: () =>
    withThreads(1, async () => {
      for (const line of await encoderLines()) console.log(line);
    }),
  async training() {
    for (const count of new Set([1, threads()])) console.log(await sequenceTraining(count));
    console.log(await factorTraining(800, 600, 20_000));
    console.log(await factorTraining(6040, 3706, 1_000_209));
    console.log(await graphTraining());
    console.log(await ratingTraining());
    console.log(await eventLoopLine("MF", 20));
    console.log(await eventLoopLine("SASRec", 1));
  },
  async "language-model"() {
    for (const line of await languageModelLines(options.model ?? null)) console.log(line);
  },
};

const unknown = asked.find((name) => !Object.hasOwn(sections, name));
if (unknown !== undefined) {
  console.error(`expected some of ${Object.keys(sections).join(", ")}, got ${unknown}`);
  process.exitCode = 2;
} else {
  printLimits();
  for (const name of asked.length > 0 ? asked : Object.keys(sections)) await sections[name]();
}
