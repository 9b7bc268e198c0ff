/** The commands serve and save as their users meet them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { saveRecommender } from "../../lib/serving/save.js";
import { folderOf } from "../datasets/temporary.js";
import { posted, tinyFolder } from "../http/served.js";
import { WEIGHTS } from "../llm/files.js";
import { tinyGguf } from "../llm/tinyGguf.js";
import { savedShelf, shelfOf } from "../serving/shelf.js";
import { items, llama4rec, table } from "./command.js";

interface Serving {
  /** Its home and temporary folder. */
  readonly cwd: string;
  readonly child: ChildProcess;
  readonly url: string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Waits for a line of its output. */
  line(pattern: RegExp): Promise<string>;
}

/** Starts `llama4rec serve` on a free port. */
async function serving(t: ExecutionContext, ...args: string[]): Promise<Serving> {
  const cwd = folderOf(t, {});
  const child = spawn(process.execPath, [resolve("dist/lib/cli/main.js"), "serve", ...args, "--port", "0"], {
    cwd,
    env: { ...process.env, HOME: cwd, TMPDIR: cwd, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const ended = once(child, "exit").then(([code]) => code);
  const line = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = pattern.exec(output);
      if (found !== null) return found[1] ?? found[0];
      if (child.exitCode !== null) throw new Error(output);
      await Promise.race([once(child.stdout, "data"), once(child.stderr, "data"), ended]);
    }
  };
  return { child, cwd, ended, line, url: await line(/^listening on (http:[^\s,]+)[\s,]/m) };
}

test("serve answers from a folder, and ends well when it is told to", async (t) => {
  const { url, child, ended } = await serving(t, await tinyFolder(t), "--ui");
  const response = await posted(`${url}/recommend`, { user: "user-003", mode: "inline", deadlineMs: 60_000 });
  t.like(await response.json(), { notRefined: null });
  t.is((await fetch(`${url}/`)).status, 200);
  child.kill("SIGTERM");
  t.is(await ended, 0);
});

test("without a folder it trains the demonstration shop and leaves nothing behind", async (t) => {
  const { url, child, ended, cwd } = await serving(t);
  const response = await posted(`${url}/explain`, { user: 7, deadlineMs: 60_000 });
  const { languageModel, alpha } = (await response.json()) as { languageModel: unknown[]; alpha: object };
  t.is(languageModel.length, 10);
  t.like(alpha, { interactions: 9 }); // seven to learn from, and the two that validation and test held out
  t.is((await fetch(`${url}/`)).status, 404);
  t.is(readdirSync(cwd).length, 1);
  child.kill("SIGINT");
  t.is(await ended, 0);
  t.deepEqual(readdirSync(cwd), []);
});

test("--no-llm leaves the language side off", async (t) => {
  const { url } = await serving(t, await tinyFolder(t), "--no-llm");
  const response = await posted(`${url}/recommend`, { user: "user-003", mode: "inline" });
  t.like(await response.json(), { notRefined: "off" });
});

test("--watch answers from what was saved since", async (t) => {
  const folder = await savedShelf(t);
  const { url, line } = await serving(t, folder, "--watch");
  const generation = await saveRecommender(folder, shelfOf({ seed: 3 }));
  t.is(await line(/answering from (\w+)/), generation);
  const response = await posted(`${url}/recommend`, { user: "user-003" });
  t.like(await response.json(), { snapshot: generation });
});

test("--key-file: its keys open the door, and other addresses take them", async (t) => {
  const folder = await savedShelf(t);
  const keys = folderOf(t, { keys: "# ours\nfirst-key-0123456789\n\n", none: "# none\n" });
  const { url } = await serving(t, folder, "--key-file", `${keys}/keys`, "--host", "0.0.0.0");
  t.is((await posted(`${url}/recommend`, { user: "user-003" })).status, 401);
  const headers = { authorization: "Bearer first-key-0123456789" };
  t.is((await posted(`${url}/recommend`, { user: "user-003" }, headers)).status, 200);
  for (const [args, message] of [
    [["--host", "0.0.0.0"], /host: expected .*no keys/],
    [["--key-file", `${keys}/none`], /--key-file: expected at least one key/],
    [["--key-file", `${keys}/missing`], /--key-file: expected a file of keys/],
    [["--port", "70000"], /0\.\.65535/],
    [["--rate-limit", "0"], /--rate-limit/],
  ] as const) {
    const { code, stderr } = await llama4rec(keys, ["serve", folder, ...args]);
    t.is(code, 2, stderr);
    t.regex(stderr, message);
  }
});

test("a folder that is none is told", async (t) => {
  const { code, stderr } = await llama4rec(folderOf(t, {}), ["serve", "nowhere"]);
  t.is(code, 2);
  t.regex(stderr, /nowhere: expected a recommender's folder/);
});

test("save trains, lets validation choose alpha, and serve answers from it", async (t) => {
  const folder = folderOf(t, { "rows.csv": table(), "items.csv": items(), "tiny.gguf": tinyGguf(WEIGHTS) });
  const args = ["--data", "rows.csv", "--items", "items.csv", "--llm", "tiny.gguf"];
  const small = ["--set", "epochs=2", "--set", "dimension=4"];
  const { code, stdout, stderr } = await llama4rec(folder, [
    "save",
    "--out",
    "shop",
    ...args,
    ...small,
    "--json",
  ]);
  t.is(code, 0, stderr);
  const made = JSON.parse(stdout);
  t.like(made, { out: "shop", backbone: "MF", users: 12, items: 8 });
  t.true(made.choice.alpha1 >= 0 && made.choice.alpha1 <= 1);
  t.true(readdirSync(`${folder}/shop`).includes("recommender.json"));
  const { url } = await serving(t, `${folder}/shop`);
  const response = await posted(`${url}/recommend`, { user: "u3", k: 2 });
  t.like(await response.json(), { snapshot: made.generation });
});

test("save --rater saves a model that rates beside it", async (t) => {
  const folder = folderOf(t, {
    ...{ "rows.csv": table().replace(/(i[0-3]),5,/g, "$1,3,"), "same.csv": table() },
    "items.csv": items(),
  });
  const args = ["save", "--out", "shop", "--data", "rows.csv", "--items", "items.csv"];
  const { code, stdout, stderr } = await llama4rec(folder, [
    ...args,
    ...["--set", "epochs=2", "--set", "dimension=4", "--rater", "NFM"],
  ]);
  t.is(code, 0, stderr);
  t.regex(stdout, /with NFM for ratings/);
  const { url } = await serving(t, `${folder}/shop`);
  const response = await posted(`${url}/rate`, { user: "u3", items: ["i1"] });
  const { ratings } = (await response.json()) as { ratings: number[] };
  t.true(ratings[0] >= 1 && ratings[0] <= 5, String(ratings));
  const same = await llama4rec(folder, ["save", "--out", "x", "--data", "same.csv", "--rater", "NFM"]);
  t.is(same.code, 2);
  t.regex(same.stderr, /--rater: expected a data set with ratings that differ/);
  const none = await llama4rec(folder, [...args, "--rater", "MF"]);
  t.is(none.code, 2);
  t.regex(none.stderr, /MF/);
});

test("save takes no backbone that ranks nothing", async (t) => {
  const { code, stderr } = await llama4rec(folderOf(t, {}), ["save", "--out", "x", "--task", "rating"]);
  t.is(code, 2);
  t.regex(stderr, /E_TASK/);
});
