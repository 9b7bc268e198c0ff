import test from "ava";
import { tokenTree, writeList } from "../../lib/llm/listing.js";
import { uniform } from "./random.js";

/** The rule in the plainest way: of all unwritten candidates keep those that go on with the best next token. */
function listed(candidates: readonly string[], score: (written: string, next: string) => number): number[] {
  const left = new Set(candidates.keys());
  const order: number[] = [];
  let text = "";
  while (left.size > 0) {
    let [open, begun] = [[...left], ""];
    while (open.every((i) => candidates[i] !== begun)) {
      const nexts = [...new Set(open.map((i) => candidates[i][begun.length]))];
      const best = nexts.reduce((a, b) => (score(text, b) > score(text, a) ? b : a));
      [begun, text] = [begun + best, text + best];
      open = open.filter((i) => candidates[i].startsWith(begun));
    }
    left.delete(open[0]);
    order.push(open[0]);
  }
  return order;
}

/** A next-character taste that depends on everything written so far. */
const taste = (written: string, next: string): number =>
  uniform([...written, next].reduce((hash, c) => (hash * 31 + c.charCodeAt(0)) % 1_000_003, 7))();

test("each candidate once, greedily, asking only where there is a choice", async (t) => {
  const next = uniform(3);
  for (let round = 0; round < 60; round++) {
    const candidates = Array.from({ length: 1 + Math.floor(next() * 9) }, () => {
      const length = Math.floor(next() * 4);
      return `${Array.from({ length }, () => "ab"[Math.floor(next() * 2)]).join("")}.`;
    });
    let text = "";
    let asked = 0;
    const order = await writeList(
      tokenTree(
        candidates.map((candidate) => [...candidate]),
        candidates,
      ),
      async (written, allowed) => {
        text += written.join("");
        asked++;
        t.true(allowed.length > 1);
        return allowed.reduce((a, b) => (taste(text, b) > taste(text, a) ? b : a));
      },
    );
    t.deepEqual([...order], listed(candidates, taste));
    t.true(asked < candidates.join("").length);
  }
});

test("one candidate, or equal ones, need no model", async (t) => {
  const never = async (): Promise<string> => t.fail() as never;
  t.deepEqual([...(await writeList(tokenTree([[..."ab."]], ["ab."]), never))], [0]);
  t.deepEqual([...(await writeList(tokenTree([[..."ab."], [..."ab."]], ["ab.", "ab."]), never))], [0, 1]);
});

test("a candidate that begins another is refused, whichever comes first", (t) => {
  for (const texts of [
    ["x", "ab", "abc"],
    ["x", "abc", "ab"],
  ]) {
    const error = { code: "E_ARGUMENT", message: /^candidates\[2\]: .*line break/ };
    t.throws(
      () =>
        tokenTree(
          texts.map((text) => [...text]),
          texts,
        ),
      error,
    );
  }
});
