import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { gainsChart } from "../../lib/experiment/report/charts/gains.js";
import { metricCell, verdict } from "../../lib/experiment/report/figures.js";
import { renderHtml } from "../../lib/experiment/report/html.js";
import { renderMarkdown } from "../../lib/experiment/report/markdown.js";
import { loadDraw } from "../../lib/experiment/report/svg.js";
import { type ExperimentSummary, ROW_TITLES } from "../../lib/experiment/summary.js";
import { bareSummary, plantedSummary } from "./plantedSummary.js";

const TASKS = ["direct", "sequential", "rating"] as const;

/** Cells of every table row of a Markdown document. */
function markdownRows(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.slice(2, -2).split(" | "))
    .map((cells) => cells.map((cell) => cell.replaceAll("**", "")));
}

/** Every number below a value. */
function numbersOf(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersOf) : [];
}

/** Ways in which a report may write a number. */
function writings(value: number): string[] {
  const plain = [4, 3, 2].map((decimals) => Math.abs(value).toFixed(decimals));
  return [...plain, `${(value * 100).toFixed(1)} %`, String(value), value.toLocaleString("en")];
}

interface Tag {
  name: string;
  attributes: string;
}

/** Tags of a document; throws where they are not balanced. */
function tagsOf(html: string): Tag[] {
  const tags: Tag[] = [];
  const open: string[] = [];
  const body = html.replace(/^<!doctype html>/, "").replace(/<style>[^<]*<\/style>/, "");
  const pattern = /<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<>]*")*)\s*(\/?)>/g;
  const rest = body.replace(
    pattern,
    (_, closing: string, name: string, attributes: string, empty: string) => {
      if (closing) {
        const last = open.pop();
        if (last !== name) throw new Error(`</${name}> closes <${last}>`);
      } else {
        tags.push({ name, attributes });
        if (!empty && name !== "meta") open.push(name);
      }
      return "";
    },
  );
  if (open.length > 0) throw new Error(`open: ${open.join(" ")}`);
  if (/[<>]/.test(rest)) throw new Error(`stray: ${rest.match(/.{0,60}[<>].{0,60}/)?.[0]}`);
  return tags;
}

const attribute = ({ attributes }: Tag, name: string): string | undefined =>
  attributes.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1];

for (const task of TASKS) {
  test(`${task}: every figure of the summary is in the Markdown`, (t) => {
    const summary = plantedSummary({ task });
    const text = renderMarkdown(summary);
    const tokens = new Set(
      text
        .replaceAll(" %", "%")
        .split(/[\s|(),;:*]+/)
        .map((token) => token.replace(/^[+±-]/, "").replace("%", " %")),
    );
    const commas = text.match(/\d{1,3}(,\d{3})+/g) ?? [];
    for (const token of commas) tokens.add(token);
    const values = numbersOf(summary);
    t.true(values.length > 500);
    for (const value of values)
      t.true(
        writings(value).some((written) => tokens.has(written) || tokens.has(`${written} %`)),
        `${value}`,
      );
  });

  test(`${task}: the tables hold what was planted, row by row`, (t) => {
    const summary = plantedSummary({ task });
    const rows = markdownRows(renderMarkdown(summary));
    const metrics = task === "rating" ? ["rmse", "mae"] : ["hr@3", "ndcg@3", "hr@5", "ndcg@5"];
    const signed = (value: number, decimals: number): string =>
      (value > 0 ? "+" : "") + value.toFixed(decimals);
    for (const row of summary.rows) {
      const [results, difference] = rows.filter(
        ([backbone, name]) => backbone === row.backbone && name === ROW_TITLES[row.row],
      );
      t.deepEqual(
        results.slice(2, 2 + metrics.length),
        metrics.map((metric) => metricCell(metric, row)),
      );
      t.is(results.length, 3 + metrics.length);
      if (row.difference === null || row.gain === null) continue;
      t.is(results.at(-1), `${signed(row.gain, 2)} %`);
      t.is(difference[2], `${signed(row.gain, 2)} %`);
      if (Math.abs(row.difference.mean) > 1e-4) t.is(difference[3], signed(row.difference.mean, 4));
      t.is(difference[5], row.difference.p.toFixed(3));
      t.is(difference[6], (row.difference.holm ?? Number.NaN).toFixed(3));
    }
    const means = rows.find(([name]) => name.startsWith("Llama4Rec over the better"));
    t.deepEqual(means?.slice(1, 3), [
      "+7.43 %",
      { direct: "+14.65 %", sequential: "+14.21 %", rating: "+3.10 %" }[task],
    ]);
  });

  test(`${task}: HTML is balanced, self-contained, every plot has words and a table`, async (t) => {
    const html = await renderHtml([plantedSummary({ task, backbones: ["First", "Second"] })]);
    t.notRegex(html, /https?:|<script|<link|<img|<iframe|<object|\ssrc=|\shref="(?!#)|@import|url\(/i);
    const tags = tagsOf(html);
    const ids = tags.flatMap((tag) => attribute(tag, "id") ?? []);
    t.is(new Set(ids).size, ids.length);
    const drawings = tags.filter(({ name }) => name === "svg");
    t.is(drawings.length, tags.filter(({ name }) => name === "figure").length);
    t.true(drawings.length >= 12);
    for (const drawing of drawings) {
      t.is(attribute(drawing, "role"), "img");
      for (const id of attribute(drawing, "aria-labelledby")?.split(" ") ?? []) t.true(ids.includes(id), id);
    }
    const figures = html.split("<figure").slice(1);
    for (const figure of figures) t.regex(figure.split("</figure>")[0], /<title[\s\S]*<desc[\s\S]*<table>/);
    t.notRegex(html, /NaN|undefined|Infinity|\[object/);
  });

  test(`${task}: one seed, no intervals, nothing that may be absent`, async (t) => {
    const summary = bareSummary(task);
    const text = renderMarkdown(summary);
    t.notRegex(text, /NaN|undefined|null|Infinity|±/);
    t.notRegex(text, /## (Segments|Modes|Sizes|Chosen mixing|Notes)/);
    t.is(markdownRows(text).filter(([name]) => name === "MF").length, task === "rating" ? 2 : 4);
    const html = await renderHtml([summary]);
    tagsOf(html);
    t.notRegex(html, /NaN|undefined|null|Infinity/);
    t.is(html, await renderHtml([summary]), "the same summary gives the same bytes");
  });
}

test("names are data: markup in them changes neither Markdown nor HTML", async (t) => {
  const attack = `"><script src='x'>alert(1)</script>|**b** [l](h)\n# head & </svg></title>`;
  const planted = plantedSummary({ task: "direct", backbones: [attack, "MF"], name: attack });
  const [first, ...others] = planted.segments;
  const summary: ExperimentSummary = {
    ...planted,
    dataset: { ...planted.dataset, name: attack },
    machine: attack,
    models: [{ role: "augmented", name: attack, id: attack }],
    segments: [
      { ...first, buckets: first.buckets.map((bucket) => ({ ...bucket, label: attack })) },
      ...others,
    ],
    sizeCurves: planted.sizeCurves.map((curve) => ({ ...curve, by: attack })),
    modes: planted.modes.map((mode) => ({ ...mode, mode: attack })),
    cost: { ...planted.cost, faults: { [attack]: 3 } },
    notes: [attack],
  };
  const html = await renderHtml([summary, summary]);
  const allowed = new Set(
    "html head meta title style body header h1 h2 h3 h4 p nav ul li a main section dl div dt dd figure span svg g path line text rect desc figcaption details summary table caption thead tbody tr th td footer".split(
      " ",
    ),
  );
  for (const tag of tagsOf(html)) {
    t.true(allowed.has(tag.name), tag.name);
    t.notRegex(tag.attributes.replace(/="[^"]*"/g, "="), /\s(on\w+|src)=/);
  }
  const text = renderMarkdown(summary);
  t.notRegex(text, /<(?!\/?$)[a-z/]/i);
  t.false(text.includes("\n# head"));
  t.false(text.includes("[l](h)") && !text.includes("\\[l\\](h)"));
  const widths = text.split("\n\n").map((block) => block.split("\n").filter((line) => line.startsWith("| ")));
  for (const lines of widths)
    t.true(new Set(lines.map((line) => line.split(/(?<!\\)\|/).length)).size <= 1, lines[0]);
});

for (const task of ["direct", "rating"] as const)
  test(`${task}: a point stands the farther right the better it is`, async (t) => {
    const summary = plantedSummary({ task });
    const chart = gainsChart(summary);
    if (chart === null) return t.fail();
    const svg = await (await loadDraw())(chart.spec);
    const marks = svg.split(/class="mark-symbol role-mark/)[1].split("</g>")[0];
    const places = [...marks.matchAll(/translate\(([-\d.]+),/g)].map(([, x]) => Number(x));
    const shown = ["llama4rec", "learned", "chosen", "second-seed", "closed-form"];
    const turn = task === "rating" ? -1 : 1;
    const means = [
      ...summary.rows.filter(({ row }) => shown.includes(row)).map(({ difference }) => difference),
      summary.meanOverBackbones.difference,
      ...Object.values(summary.controls).map(({ difference }) => difference),
    ].map((difference) => turn * (difference?.mean ?? Number.NaN));
    t.is(places.length, means.length);
    const [a, b] = [means.indexOf(Math.max(...means)), means.indexOf(Math.min(...means))];
    const scale = (places[a] - places[b]) / (means[a] - means[b]);
    t.true(scale > 0);
    means.forEach((mean, n) => {
      t.true(Math.abs(places[n] - places[b] - scale * (mean - means[b])) < 0.01);
    });
  });

test("an interval that holds 0 tells nothing, Holm's correction is heard", (t) => {
  const of = (low: number, high: number, holm: number | null = null) => ({
    mean: (low + high) / 2,
    low,
    high,
    p: 0.01,
    holm,
  });
  t.is(verdict(of(-0.1, 0.2), "ndcg@5"), "not distinguishable");
  t.is(verdict(of(0, 0.2), "ndcg@5"), "not distinguishable");
  t.is(verdict(of(0.1, 0.2), "ndcg@5"), "better");
  t.is(verdict(of(0.1, 0.2), "rmse"), "worse");
  t.is(verdict(of(-0.2, -0.1, 0.01), "rmse"), "better");
  t.is(verdict(of(0.1, 0.2, 0.06), "ndcg@5"), "better, not after Holm's correction");
  t.is(verdict(null, "ndcg@5"), "–");
});

test("without vega the HTML says what to install, Markdown comes all the same", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "llama4rec-report-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const part of ["lib/experiment/report", "lib/experiment/summary.js", "lib/native/errors.js"])
    cpSync(join("dist", part), join(folder, part), { recursive: true });
  cpSync("dist/test/experiment/plantedSummary.js", join(folder, "test/experiment/plantedSummary.js"));
  writeFileSync(
    join(folder, "main.js"),
    `import { renderHtml } from "./lib/experiment/report/html.js";
import { renderMarkdown } from "./lib/experiment/report/markdown.js";
import { bareSummary } from "./test/experiment/plantedSummary.js";
const summary = bareSummary("direct");
const error = await renderHtml([summary]).catch((error) => error);
console.log(JSON.stringify([renderMarkdown(summary).length, error.code, error.message]));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "main.js")]);
  const [length, code, message] = JSON.parse(stdout);
  t.is(length, renderMarkdown(bareSummary("direct")).length);
  t.is(code, "E_DEPENDENCY");
  t.regex(message, /npm install vega vega-lite/);
});
