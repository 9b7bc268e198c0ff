import test from "ava";
import { measureFoldIn, ratioOf } from "../../benchmarks/quality/foldIn/measure.js";
import { foldInMarkdown, renderFoldIn } from "../../benchmarks/quality/foldIn/table.js";
import { absentUsers } from "../../benchmarks/quality/foldIn/trained.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { folderOf } from "../datasets/temporary.js";

const shop = generateShop({ users: 120, items: 160, interactions: 2400 });

test("absent users have no row in one training and all but the last in the other", (t) => {
  for (const task of ["direct", "rating"] as const) {
    const { all, without, test: rows } = absentUsers(shop, task, 30, 1);
    t.is(rows.users.length, 30);
    const absent = new Set(rows.users);
    for (let user = 0; user < all.userCount; user++)
      t.deepEqual(without.itemsOf(user), absent.has(user) ? new Int32Array(0) : all.itemsOf(user));
    for (const [row, user] of rows.users.entries()) t.false(all.has(user, rows.items[row]));
  }
  t.notDeepEqual(
    absentUsers(shop, "direct", 30, 2).test.users,
    absentUsers(shop, "direct", 30, 1).test.users,
  );
});

test("a ratio of means and its interval over resampled users", (t) => {
  const theirs = Float64Array.from({ length: 200 }, (_, user) => user % 4);
  const nine = ratioOf(
    theirs.map((value) => 0.9 * value),
    theirs,
    500,
  );
  for (const value of [nine.ratio, nine.low, nine.high]) t.true(Math.abs(value - 0.9) < 1e-12);
  const noisy = ratioOf(
    theirs.map((value, user) => value * (user % 3)),
    theirs,
    500,
  );
  t.true(noisy.low < noisy.ratio && noisy.ratio < noisy.high);
});

test("every kind of backbone is measured, and a second time from what the first one kept", async (t) => {
  const lines: string[] = [];
  const options = {
    backbones: ["MF", "SASRec", "AFM"],
    users: 30,
    epochs: 2,
    seed: 1,
    threads: 1,
    work: folderOf(t, {}),
    onProgress: (line: string) => lines.push(line),
  };
  const report = await measureFoldIn(shop, options);
  t.deepEqual(
    report.rows.map(({ backbone, metric, users, epochs }) => [backbone, metric, users, epochs]),
    [
      ["MF", "ndcg@10", 30, 2],
      ["SASRec", "ndcg@10", 30, 2],
      ["AFM", "rmse", 30, 2],
    ],
  );
  const [mf, sequence, rating] = report.rows;
  t.truthy(mf.alike);
  t.is(sequence.alike, null);
  t.true(rating.ratio > 0.5 && rating.ratio < 2 && rating.low <= rating.ratio && rating.ratio <= rating.high);
  t.regex(renderFoldIn(report), /AFM +│ RMSE/);
  t.is(foldInMarkdown(report).split("\n").length, 5);

  lines.length = 0;
  const again = await measureFoldIn(shop, options);
  const figures = ({ rows }: typeof report) => rows.map((row) => ({ ...row, milliseconds: 0 }));
  t.deepEqual(figures(again), figures(report));
  t.false(
    lines.some((line) => line.includes("epoch ")),
    "it was trained again",
  );
});
