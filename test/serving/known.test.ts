import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { randomEncoder } from "../../benchmarks/micro/encoderModel.js";
import { IdMap } from "../../lib/data/idMap.js";
import { rankerOf } from "../../lib/models/frozen.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { readKnown, saveKnown } from "../../lib/serving/known.js";
import { readManifest } from "../../lib/serving/manifest.js";
import { Overlay } from "../../lib/serving/overlay.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { saveRecommender } from "../../lib/serving/save.js";
import { readTensorFile, type StoredTensor, writeTensorFile } from "../../lib/storage/safetensors.js";
import { folderOf } from "../datasets/temporary.js";
import { savedShelf, shelfOf, userId } from "./shelf.js";

const shelf = shelfOf();
const ids = {
  users: shelf.users,
  items: IdMap.from([...shelf.items].map((id, at) => (at % 2 ? id : `ä-${id}`))),
};

test("what is known comes out of its file as it went in", async (t) => {
  const path = join(folderOf(t, {}), "known.safetensors");
  await saveKnown(path, shelf.view, ids);
  const known = await readKnown(path);
  const { offsets, items, ratings, titles } = shelf.view;
  t.deepEqual([known.offsets, known.items, known.ratings], [offsets, items, ratings]);
  t.deepEqual(
    titles.map((_, item) => known.titles.at(item)),
    [...titles],
  );
  for (const [index, id] of [...ids.items].entries()) t.is(known.itemIds.indexOf(id), index);
  for (const [index, id] of [...ids.users].entries()) t.is(known.userIds.idAt(index), id);
});

test("a file whose parts do not fit is E_CORRUPT and says which", async (t) => {
  const path = join(folderOf(t, {}), "known.safetensors");
  await saveKnown(path, shelf.view, ids);
  const { kind, metadata, tensors } = await readTensorFile(path, { kind: "known" });
  const values = (name: string): StoredTensor["values"] => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(name);
    return tensor.values.slice();
  };
  const changed = (name: string, place: number, value: number): [string, StoredTensor["values"]] => {
    const all = values(name);
    all[place < 0 ? all.length + place : place] = value;
    return [name, all];
  };
  const shorter = (name: string): [string, StoredTensor["values"]] => [name, values(name).slice(1)];
  const damages = [
    changed("items", 3, 60),
    changed("items", 3, -1),
    changed("offsets", 0, 1),
    changed("offsets", 2, 2 ** 30),
    changed("offsets", -1, 0),
    changed("ratings", 0, Number.NaN),
    changed("titles.offsets", 1, -5),
    changed("titles.offsets", 1, 2 ** 30),
    changed("words.offsets", -1, 7),
    changed("words.items", 0, 60),
    changed("words.item_offsets", 1, 2 ** 30),
    changed("item_ids.numbers", 1, -7),
    changed("item_ids.numbers", 1, Number.NaN),
    changed("user_ids.offsets", 2, 2 ** 30),
    ...[
      "titles.bytes",
      "titles.offsets",
      "ratings",
      "items",
      "item_ids.places",
      "item_ids.numbers",
      "user_ids.bytes",
    ].map(shorter),
  ];
  for (const [name, values] of damages) {
    const bad = new Map(tensors).set(name, { shape: [values.length], values });
    await writeTensorFile(path, { kind, metadata, tensors: bad });
    await t.throwsAsync(readKnown(path), { instanceOf: Llama4RecError, code: "E_CORRUPT" }, name);
  }
  for (const name of tensors.keys()) {
    const bad = new Map(tensors);
    bad.delete(name);
    await writeTensorFile(path, { kind, metadata, tensors: bad });
    await t.throwsAsync(readKnown(path), { instanceOf: Llama4RecError, code: "E_CORRUPT" }, name);
  }
});

test("hashes that lead nowhere cost finding, never a crash", async (t) => {
  const path = join(folderOf(t, {}), "known.safetensors");
  await saveKnown(path, shelf.view, ids);
  const { kind, metadata, tensors } = await readTensorFile(path, { kind: "known" });
  const places = tensors.get("user_ids.places")?.values.slice() ?? new Int32Array(0);
  for (const value of [0, -9, 2 ** 31 - 1, 1]) {
    places.fill(value);
    const bad = new Map(tensors).set("user_ids.places", { shape: [places.length], values: places });
    await writeTensorFile(path, { kind, metadata, tensors: bad });
    const { userIds } = await readKnown(path);
    t.is(userIds.indexOf(userId(7)), -1);
    t.is(userIds.idAt(7), userId(7));
  }
});

test("a recommender of a sequence model answers from its folder as its ranker does", async (t) => {
  const items = shelf.items.size;
  const { offsets, items: seen } = shelf.view;
  const encoder = randomEncoder(items);
  const ranker = rankerOf({ kind: "sequence", name: "SASRec", encoder, histories: { offsets, items: seen } });
  const folder = join(folderOf(t, {}), "recommender");
  await saveRecommender(folder, { ...shelf, ranker });
  t.regex((await readManifest(folder)).catalogue, /^catalogue-/);
  for (const map of [true, false]) {
    await using recommender = await Recommender.open(folder, { map, verify: true });
    for (let user = 0; user < 40; user++) {
      const own = ranker.topK(Int32Array.of(user), {
        k: 10,
        excluded: {
          offsets: Int32Array.of(0, offsets[user + 1] - offsets[user]),
          items: seen.slice(offsets[user], offsets[user + 1]),
        },
      });
      const { ids, scores } = recommender.recommendSync({ user: userId(user) });
      const length = own.counts[0];
      t.deepEqual(
        ids,
        Array.from(own.ids.subarray(0, length), (item) => shelf.items.idAt(item)),
      );
      t.deepEqual(scores, [...own.scores.subarray(0, length)]);
    }
  }
});

test("a folder of an older version is refused with what to do", async (t) => {
  const folder = await savedShelf(t, shelf);
  const manifest = join(folder, "recommender.json");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"version": 3', '"version": 2'));
  await t.throwsAsync(Recommender.open(folder), {
    instanceOf: Llama4RecError,
    code: "E_VERSION",
    message: /expected version 3.*got 2: save the recommender again/,
  });
});

test("what a new snapshot knows is forgotten between turns of the event loop, and nothing that comes meanwhile", async (t) => {
  const overlay = new Overlay();
  for (let user = 0; user < 300; user++) for (let item = 0; item < 100; item++) overlay.add({ user, item });
  overlay.addItem({ id: "known", title: "" });
  overlay.addItem({ id: "new", title: "" });
  const forgetting = overlay.forget(
    (_, item) => Number(item) % 2 === 0,
    (item) => item === "known",
  );
  t.deepEqual([...overlay.items.keys()], ["new"], "items at once");
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  overlay.add({ user: 299, item: 0 }); // again, before its turn
  await forgetting;
  clearInterval(counting);
  t.true(turns > 0);
  t.is(overlay.of(0)?.items.length, 50);
  t.is(overlay.of(298)?.items.length, 50);
  t.is(overlay.of(299)?.items.length, 100);
  t.is(overlay.of(299)?.items.at(-1), 0);
});
