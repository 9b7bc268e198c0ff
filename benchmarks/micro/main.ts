import { writeFile } from "node:fs/promises";
import { setThreads } from "../../lib/native/addon.js";
import { type Arguments, parseArguments } from "./arguments.js";
import { callParts } from "./calls.js";
import { consoleTable, EXPLANATION, notesOf } from "./console.js";
import { encoderParts } from "./encoder.js";
import { lookupParts } from "./lookup.js";
import { limitTexts, type Machine, machineText, measureMachine } from "./machine.js";
import { type Results, renderPage } from "./page.js";
import { type Bench, type Parts, sectionOf, selectParts } from "./part.js";
import { pocketTraining } from "./pocketTraining.js";
import { ranking } from "./ranking.js";
import { recommendPart } from "./recommend.js";
import { type Row, rowsOf } from "./row.js";
import { topKParts } from "./topK.js";
import { trainingParts } from "./training.js";

const parts: Parts = {
  ...topKParts,
  ...lookupParts,
  ...encoderParts,
  ...trainingParts,
  "language-model/ranking": ranking,
  "language-model/training": pocketTraining,
  ...callParts,
  "serving/recommend": recommendPart,
};

/** For people: stderr where stdout takes the JSON. */
let say = (text: string): void => console.log(text);

async function measure(names: readonly string[], machine: Machine, args: Arguments): Promise<Row[]> {
  const notes = new Set<string>();
  const bench: Bench = {
    machine,
    race: { seconds: args.seconds },
    modelPath: args.model ?? null,
    note(text) {
      if (!notes.has(text)) say(`Note: ${text}`);
      notes.add(text);
    },
  };
  const rows: Row[] = [];
  for (const name of names) {
    const own = (await parts[name](bench)).flatMap((work) => rowsOf(sectionOf(name), work));
    say(consoleTable(own));
    rows.push(...own);
  }
  return rows;
}

async function write({ json, html }: Arguments, results: Results): Promise<void> {
  const text = `${JSON.stringify(results, null, 2)}\n`;
  if (json === "-") process.stdout.write(text);
  else if (json !== undefined) await writeFile(json, text);
  if (html !== undefined) await writeFile(html, await renderPage(results));
}

async function main(): Promise<void> {
  const [first, ...others] = process.argv.slice(2);
  if (first === "service") {
    const { runService } = await import("../service/main.js");
    await runService(others.includes("--json"));
    return;
  }
  const args = parseArguments(process.argv.slice(2), Object.keys(parts));
  if (args.json === "-") say = (text) => console.error(text);
  const names = selectParts(parts, args.names);
  setThreads(args.threads);
  const machine = measureMachine(args.threads);
  say([machineText(machine), ...limitTexts(machine.limits), EXPLANATION, ""].join("\n"));
  const rows = await measure(names, machine, args);
  for (const note of notesOf(rows)) say(`Note: ${note}`);
  await write(args, { machine, rows });
}

await main().catch((error: unknown) => {
  if (!(error instanceof RangeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
});
