import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";
import type { Machine } from "../../benchmarks/micro/machine.js";
import { renderPage } from "../../benchmarks/micro/page.js";
import { selectParts } from "../../benchmarks/micro/part.js";
import { type Row, rowsOf } from "../../benchmarks/micro/row.js";

const run = promisify(execFile);
const program = "dist/benchmarks/micro/main.js";

test("sections and parts by name, in their order", (t) => {
  const part = async () => [];
  const parts = { "topk/10k": part, "topk/100k": part, "calls/start": part };
  t.deepEqual(selectParts(parts, []), Object.keys(parts));
  t.deepEqual(selectParts(parts, ["calls", "topk/10k"]), ["topk/10k", "calls/start"]);
  t.deepEqual(selectParts(parts, ["topk"]), ["topk/10k", "topk/100k"]);
  for (const name of ["top", "topk/1", "calls/start/x", ""])
    t.throws(() => selectParts(parts, [name]), {
      instanceOf: RangeError,
      message: /expected some of topk, calls/,
    });
});

test("a run as JSON: the machine with its limits, and rows", async (t) => {
  const { stdout, stderr } = await run(process.execPath, [
    program,
    "calls/binding",
    "--seconds",
    "0.02",
    "--json",
    "-",
  ]);
  const { machine, rows } = JSON.parse(stdout) as { machine: Machine; rows: Row[] };
  t.true(machine.limits.fma > 0);
  t.true(Object.values(machine.limits.read).every((rate) => rate > 0));
  t.like(machine, { node: process.version, threads: 1 });
  t.is(rows.length, 2);
  for (const row of rows) {
    t.like(row, { section: "calls", peer: null, peerName: null, limit: 1e-6, goal: 1 });
    t.true(row.ours > 0 && row.cpu > 0 && row.oursBest <= row.ours);
    t.is(row.ratio, 1e-6 / row.ours);
    t.true(stderr.includes(row.name), "the table goes to stderr");
  }
});

test("what is unknown is refused before anything is measured", async (t) => {
  for (const words of [["nothing"], ["--seconds", "0"], ["--threads", "0"], ["--what"]]) {
    const error: unknown = await run(process.execPath, [program, ...words]).catch((cause: unknown) => cause);
    t.true(error instanceof Error && "code" in error && error.code !== 0, words.join(" "));
    t.regex(String(error instanceof Error && "stderr" in error && error.stderr), /expected|unknown option/);
  }
});

test("the page stands alone and names what is compared", async (t) => {
  const timing = { median: 1, best: 1, p99: 1, cpu: 1 };
  const rivals = [{ name: "<rival>", timing: { ...timing, median: 4, cpu: 4 } }];
  const rows = [
    ...rowsOf("topk", { name: "a & b", ours: timing, rivals, goals: { peer: 3 } }),
    ...rowsOf("topk", { name: "far off", ours: timing, rivals, goals: { peer: 5 } }),
    ...rowsOf("training", { name: "alone", ours: timing }),
  ];
  const machine = {
    processor: "processor",
    processors: 1,
    level: "scalar",
    node: "v20",
    threads: 1,
    limits: { read: { 2560000: 90 }, fma: 100, multiplyBytes: 400 },
  };
  const page = await renderPage({ machine, rows });
  t.true(page.includes("1 of 2"), "goals met");
  t.true(page.includes("4.00x &lt;rival&gt;") && !page.includes("<rival>"));
  t.true(page.includes("read 2.6 MB") && page.includes("90.0 GB/s"));
  t.notRegex(page, /<script|https?:\/\//);
  t.is(page.match(/<svg /g)?.length, 1, "a section that compares nothing has no plot");
});
