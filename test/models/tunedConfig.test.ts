import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import {
  readTunedConfig,
  readTunedEntry,
  type TunedEntry,
  writeTunedEntry,
} from "../../lib/models/tunedConfig.js";
import { fileOf, folderOf } from "../datasets/temporary.js";

const mf: TunedEntry = {
  hyperparameters: { dimension: 16, l2: 0.1 },
  validation: { metric: "ndcg@10", score: 0.25, epoch: 7 },
  chosen: "today, by hand",
};
const sasrec: TunedEntry = { hyperparameters: { blocks: 1 }, chosen: "yesterday" };
const deepFM: TunedEntry = {
  hyperparameters: { l2: 20 },
  validation: { metric: "rmse", score: 0.93, epoch: 4 },
  chosen: "today",
};

test("entries are written beside each other, replaced, and read again", async (t) => {
  const folder = folderOf(t, {});
  const path = join(folder, "shop.json");
  await writeTunedEntry(path, "shop", "SASRec", sasrec);
  await writeTunedEntry(path, "shop", "MF", { ...mf, chosen: "before" });
  await writeTunedEntry(path, "shop", "MF", mf);
  await writeTunedEntry(path, "shop", "DeepFM", deepFM);
  t.deepEqual(await readTunedConfig(path), {
    dataset: "shop",
    backbones: { SASRec: sasrec, MF: mf, DeepFM: deepFM },
  });
  t.deepEqual(await readTunedEntry(path, "MF"), mf);
  t.deepEqual(readdirSync(folder), ["shop.json"]);
});

test("a file of another data set, a wrong entry or no entry: refused, and the file stays as it is", async (t) => {
  const path = join(folderOf(t, {}), "shop.json");
  await writeTunedEntry(path, "shop", "MF", mf);
  const before = readFileSync(path, "utf8");
  await t.throwsAsync(writeTunedEntry(path, "films", "MF", mf), {
    code: "E_MISMATCH",
    message: /expected values tuned on "films", got those of "shop"/,
  });
  await t.throwsAsync(writeTunedEntry(path, "shop", "MF", { ...mf, hyperparameters: { l2: -1 } }), {
    code: "E_ARGUMENT",
    message: /shop\.json: MF l2: expected a number in/,
  });
  await t.throwsAsync(readTunedEntry(path, "SASRec"), {
    code: "E_ARGUMENT",
    message: /shop\.json: backbones: expected one for SASRec, got "MF"/,
  });
  t.is(readFileSync(path, "utf8"), before);
});

const withMF = (change: object): unknown => ({ dataset: "x", backbones: { MF: { ...mf, ...change } } });
const damage: Record<string, readonly [value: unknown, code: string, message: RegExp]> = {
  "a list": [[], "E_ARGUMENT", /expected an object of dataset, backbones/],
  "no data set": [{ backbones: {} }, "E_ARGUMENT", /dataset: expected a name, got undefined/],
  "no backbones": [{ dataset: "x" }, "E_ARGUMENT", /backbones: expected entries/],
  "an unknown field": [{ dataset: "x", backbone: {} }, "E_ARGUMENT", /did you mean "backbones"\?/],
  "an unknown backbone": [
    { dataset: "x", backbones: { SASReck: sasrec } },
    "E_BACKBONE",
    /did you mean "SASRec"\?/,
  ],
  "a backbone in other letters": [
    { dataset: "x", backbones: { mf } },
    "E_ARGUMENT",
    /MF written so, got "mf"/,
  ],
  "an unknown hyper-parameter": [
    withMF({ hyperparameters: { dimensions: 8 } }),
    "E_ARGUMENT",
    /MF hyper-parameter: .*did you mean "dimension"\?/,
  ],
  "a value that is a text": [
    withMF({ hyperparameters: { l2: "0" } }),
    "E_ARGUMENT",
    /backbones\.MF\.hyperparameters\.l2: expected a number, got "0"/,
  ],
  "values in a list": [
    withMF({ hyperparameters: [1] }),
    "E_ARGUMENT",
    /expected numbers by name, got an array of 1/,
  ],
  "no reason": [withMF({ chosen: undefined }), "E_ARGUMENT", /backbones\.MF\.chosen: expected when/],
  "another field in an entry": [withMF({ reason: "x" }), "E_ARGUMENT", /backbones\.MF: expected one of/],
  "a validation by a metric of another task": [
    withMF({ validation: { metric: "rmse", score: 1, epoch: 1 } }),
    "E_ARGUMENT",
    /backbones\.MF\.validation\.metric: expected one of hr@3, .*, got "rmse"/,
  ],
  "a validation without a score": [
    withMF({ validation: { metric: "ndcg@10", epoch: 1 } }),
    "E_ARGUMENT",
    /validation\.score: expected a number/,
  ],
  "a validation of epoch 0": [
    withMF({ validation: { metric: "ndcg@10", score: 1, epoch: 0 } }),
    "E_ARGUMENT",
    /validation\.epoch: expected an integer/,
  ],
};

for (const [name, [value, code, message]] of Object.entries(damage))
  test(`${name} is refused, naming the file`, async (t) => {
    const path = fileOf(t, "tuned.json", JSON.stringify(value));
    const error = await t.throwsAsync(readTunedConfig(path), { code, message });
    t.true(error?.message.startsWith(`${path}: `));
  });

test("a file that is not there, or no JSON", async (t) => {
  const folder = folderOf(t, { "tuned.json": "{" });
  await t.throwsAsync(readTunedConfig(join(folder, "nowhere.json")), { code: "E_FILE" });
  await t.throwsAsync(readTunedConfig(join(folder, "tuned.json")), { code: "E_CORRUPT" });
  await t.throwsAsync(writeTunedEntry(join(folder, "tuned.json"), "x", "MF", mf), { code: "E_CORRUPT" });
});
