import test from "ava";
import { IdMap } from "../../lib/data/idMap.js";
import { Random } from "../../lib/data/random.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { StoredIds } from "../../lib/serving/storedIds.js";
import { TextTable } from "../../lib/storage/textTable.js";

const refused = { instanceOf: Llama4RecError, code: "E_ARGUMENT" } as const;

test("ids are found as their map finds them, whatever they are", (t) => {
  const random = new Random(3);
  const lists = [
    [],
    [5],
    ["only"],
    Array.from({ length: 300 }, (_, at) => at), // counting from 0
    Array.from({ length: 300 }, (_, at) => 1000 + at),
    Array.from({ length: 300 }, () => (random.next() - 0.5) * 1e6), // fractions and negative ones
    Array.from({ length: 3000 }, (_, at) => `item-${at}`),
    [
      7,
      "7",
      "",
      " ",
      "ä",
      "a\u0308",
      "🎸",
      "日本",
      "__proto__",
      "\u0000",
      "\ufffd",
      -3,
      2 ** 53,
      0.5,
      "x".repeat(5000),
    ],
  ];
  for (const list of lists) {
    const map = IdMap.from(list);
    const ids = StoredIds.of("items", map);
    t.is(ids.size, map.size);
    for (const [index, id] of [...map].entries()) {
      t.is(ids.indexOf(id), index);
      t.is(ids.idAt(index), id);
    }
    const strangers = ["no such", "item-", "8", "\ud83c", "🎹", 1e9, -1e9, 0.25, Number.NaN];
    for (const id of strangers) t.is(ids.indexOf(id), map.indexOf(id), String(id));
    for (const index of [-1, map.size, 0.5, Number.NaN])
      t.throws(() => ids.idAt(index), refused, String(index));
  }
});

test("an id that a file could not keep is refused with its place", (t) => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, "a\ud800"])
    t.throws(() => StoredIds.of("users", IdMap.from([1, bad])), { ...refused, message: /^users\[[01]\]: / });
});

test("a full table of hashes with nothing in it ends a search", (t) => {
  const texts = TextTable.of("texts", ["a", "b"]);
  for (const at of [1, 3, -1]) {
    const ids = new StoredIds(new Float64Array(0), texts, new Int32Array(4).fill(at));
    t.is(ids.indexOf("c"), -1);
  }
});

test("texts are what they were; half of a surrogate pair, which has no UTF-8, is replaced", (t) => {
  const texts = ["", "Dune (1984)", "Amélie 🎬", "", "日本"];
  const table = TextTable.of("texts", texts);
  t.is(table.size, texts.length);
  t.deepEqual(
    texts.map((_, at) => table.at(at)),
    texts,
  );
  t.is(TextTable.of("texts", ["a\ud83cb"]).at(0), "a\ufffdb");
  t.is(TextTable.of("texts", []).size, 0);
});
