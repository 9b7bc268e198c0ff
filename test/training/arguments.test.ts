/** What callers without types, and tired ones with them, hand over: refused by name, before anything is done. */
import test from "ava";
import { HeldOut } from "../../lib/data/heldOut.js";
import { TrainView } from "../../lib/data/trainView.js";
import { SASREC } from "../../lib/models/sequential/sasrec.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { type TrainOptions, train } from "../../lib/training/train.js";
import { viewOf } from "../models/planted.js";
import { notADefinition } from "./backbones.js";
import { fitModel, view } from "./fitModel.js";

const rows = (users: number[], items: number[], name: "validation" | "test" = "validation"): unknown => ({
  heldOut: new HeldOut(name, Int32Array.from(users), Int32Array.from(items)),
});

const bad: readonly (readonly [name: string, options: Record<string, unknown>])[] = [
  ["backbone", { backbone: undefined }],
  ["backbone", { backbone: null }],
  ["backbone", { backbone: 5 }],
  ["backbone", { backbone: {} }],
  ["backbone", { backbone: notADefinition }],
  ["backbone.module", { backbone: { module: 5 } }],
  ["backbone.export", { backbone: { module: "./x.js", export: 5 } }],
  ["view", { view: null }],
  ["view", { view: { ...view } }],
  ["seed", { seed: "1" }],
  ["signal", { signal: {} }],
  ["validate", { validate: 5 }],
  ["onEpoch", { onEpoch: "x" }],
  ["worker", { worker: 1 }],
  ["checkpoint", { checkpoint: null }],
  ["checkpoint.path", { checkpoint: { path: 5 } }],
  ["checkpoint.everySeconds", { checkpoint: { path: "x", everySeconds: "5" } }],
  ["checkpoint.resume", { checkpoint: { path: "x", resume: "no" } }],
  ["hyperparameters.epochs", { hyperparameters: { epochs: () => 1 } }],
  ["extraPairs", { extraPairs: [0, 1, 2] }],
  ["validation", { validation: null }],
  ["validation.heldOut", { validation: {} }],
  ["validation.heldOut", { validation: rows([1], [1], "test") }],
  ["validation.heldOut.users", { validation: rows([], []) }],
  ["validation.heldOut.users[1]", { validation: rows([0, 40], [1, 1]) }],
  ["validation.heldOut.items[0]", { validation: rows([0], [-1]) }],
  ["validation.heldOut.items", { validation: rows([0, 1], [1]) }],
];

for (const worker of [true, false])
  test(`${worker ? "in a worker" : "inline"}: a bad option is E_ARGUMENT that names it`, async (t) => {
    for (const [name, options] of bad) {
      const error = await t.throwsAsync(fitModel({ worker, ...(options as Partial<TrainOptions>) }), {
        instanceOf: Llama4RecError,
        code: "E_ARGUMENT",
      });
      t.is(error?.message.split(": expected ")[0], name);
    }
    await t.throwsAsync(train(undefined as unknown as TrainOptions), {
      code: "E_ARGUMENT",
      message: /^options/,
    });
  });

test("a view that cannot be cloned for a thread is E_ARGUMENT", async (t) => {
  const titles = view.titles.map(() => (() => "a title") as unknown as string);
  await t.throwsAsync(fitModel({ worker: true, view: new TrainView({ ...view, titles }) }), {
    code: "E_ARGUMENT",
    message: /^view: expected titles and attributes of texts: .*could not be cloned/,
  });
});

test("a view that there is nothing to learn from is refused, and says what is missing", async (t) => {
  const direct = [
    viewOf([[], []], 3),
    viewOf(
      [
        [0, 1],
        [1, 0],
      ],
      2,
    ),
  ];
  for (const empty of direct)
    await t.throwsAsync(fitModel({ view: empty }), {
      code: "E_ARGUMENT",
      message:
        /^view: expected something to learn from, at least a user who has one item and has not another/,
    });
  const hyperparameters = { dimension: 8, hidden: 8, blocks: 1, length: 5, epochs: 1 };
  await t.throwsAsync(
    train({ backbone: SASREC, view: viewOf([[0], [1]], 3), seed: 1, worker: false, hyperparameters }),
    { code: "E_ARGUMENT", message: /^view: .*a user with two items or more/ },
  );
});
