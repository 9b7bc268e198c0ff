/** SASRec from histories to the best items in one call. */

import { topKRow } from "../../lib/native/catalogue.js";
import { type EncoderModel, type Histories, SequenceEncoder } from "../../lib/native/sequenceEncoder.js";
import { type SasrecForm, sasrecForms, sasrecModel } from "../peers/onnx/sasrec.js";
import { int64s, ONNX_RUNTIME, type OnnxSession, onnxRuntime, type Tensors } from "../peers/onnxruntime.js";
import { type Duel, duel } from "./duel.js";
import { encoderOperations, encoderSizes, randomEncoder, referenceState } from "./encoderModel.js";
import { readRate } from "./machine.js";
import type { Bench, Part, Parts } from "./part.js";
import { QUOTED_NOTE, quoted, quotedSeconds } from "./quoted.js";
import { uniformIds } from "./random.js";
import { bestOf, checkClose, scoresOf } from "./reference.js";
import { byCpu, type Work } from "./row.js";
import type { Timing } from "./timing.js";

const { length } = encoderSizes;
const k = 10;
/** States are float32: two items whose scores are this close, as a share of the best, may swap. */
const TOLERANCE = 1e-4;
/** Histories of a batch that are checked. */
const CHECKED = 4;

export const encoderParts: Parts = {
  "encoder/10k": part(10_000, "10k items", {
    single: 2.5,
    batch: 1.85,
    torch: { goal: 1.6, figure: quotedSeconds.serving10k },
  }),
  "encoder/100k": part(100_000, "100k items", {
    batch: 2.5,
    torch: { goal: 2.5, figure: quotedSeconds.serving100k },
  }),
};

/** Least ratios to onnxruntime-node of one history and of 64. */
interface Goals {
  readonly single?: number;
  readonly batch: number;
  /** Of 64, against a rival that Node cannot run. */
  readonly torch: { readonly goal: number; readonly figure: Parameters<typeof quoted>[1] };
}

function part(items: number, text: string, goals: Goals): Part {
  return async (bench) => {
    const model = randomEncoder(items);
    using encoder = new SequenceEncoder(model);
    const forms = await openForms(bench, model);
    try {
      const single = await timed(bench, { model, encoder, forms, batch: 1 });
      const batch = await timed(bench, { model, encoder, forms, batch: 64 });
      return [
        work(bench, model, {
          name: `SASRec over ${text}, 1 history`,
          batch: 1,
          goal: goals.single,
          ...single,
        }),
        tail(`SASRec over ${text}, 1 history, p99`, single.ours),
        work(bench, model, {
          name: `SASRec over ${text}, 64 histories`,
          batch: 64,
          goal: goals.batch,
          ...batch,
        }),
        {
          name: `SASRec over ${text}, 64 histories`,
          unit: "CPU s/call",
          ours: byCpu(batch.ours),
          rivals: [quoted(bench, goals.torch.figure)],
          goals: { peer: goals.torch.goal },
          note: QUOTED_NOTE,
        },
      ];
    } finally {
      for (const { session } of forms) await session.release();
    }
  };
}

interface Form {
  readonly form: SasrecForm;
  readonly session: OnnxSession;
  readonly inputs: (histories: Histories) => Tensors;
}

/** The rival in each of its forms: the fastest counts. */
async function openForms(bench: Bench, model: EncoderModel): Promise<Form[]> {
  const runtime = onnxRuntime();
  if ("missing" in runtime) {
    bench.note(runtime.missing);
    return [];
  }
  const forms: Form[] = [];
  for (const form of sasrecForms)
    forms.push({
      form,
      session: await runtime.open(sasrecModel(model, k, form), bench.machine.threads),
      inputs: ({ items }) => ({ items: runtime.ids(int64s(items), [items.length / length, length]) }),
    });
  return forms;
}

interface Asked {
  readonly model: EncoderModel;
  readonly encoder: SequenceEncoder;
  readonly forms: readonly Form[];
  readonly batch: number;
}

async function timed(bench: Bench, asked: Asked): Promise<Duel> {
  const { encoder, forms, batch } = asked;
  const histories = {
    offsets: Int32Array.from({ length: batch + 1 }, (_, row) => row * length),
    items: uniformIds(batch * length, encoder.itemCount, 46),
  };
  await check(asked, histories);
  const into = encoder.topK(histories, { k });
  const rivals = forms.map(({ form, session, inputs }) => {
    const given = inputs(histories);
    return [`${ONNX_RUNTIME}, ${form} form`, () => session.run(given)] as const;
  });
  return duel(() => encoder.topK(histories, { k, into }), new Map(rivals), bench.race);
}

/** Holds everybody's lists against those of float64. */
async function check({ model, encoder, forms, batch }: Asked, histories: Histories): Promise<void> {
  const ours = encoder.topK(histories, { k });
  const found = new Map<string, ArrayLike<number | bigint>>();
  for (const { form, session, inputs } of forms)
    found.set(form, (await session.run(inputs(histories))).ids.data);
  for (let row = 0; row < Math.min(CHECKED, batch); row++) {
    const state = referenceState(model, histories.items.subarray(row * length, (row + 1) * length));
    const scores = scoresOf(model.items, state);
    const best = bestOf(scores, k);
    checkClose(`llama4rec, history ${row}`, topKRow(ours, row), { best, scores, tolerance: TOLERANCE });
    for (const [form, ids] of found)
      checkClose(`${form} form, history ${row}`, Array.from(ids, Number).slice(row * k, (row + 1) * k), {
        best,
        scores,
        tolerance: TOLERANCE,
      });
  }
}

interface Timed extends Duel {
  readonly name: string;
  readonly batch: number;
  readonly goal?: number;
}

/** The limit: the encoder's multiply-adds, then the float32 table read once, or for a batch its multiply-adds. */
function work({ machine }: Bench, { items }: EncoderModel, { batch, goal, ...timed }: Timed): Work {
  const { fma } = machine.limits;
  const scored = (2 * items.length * batch) / fma / 1e9;
  const read = items.byteLength / readRate(items.byteLength, machine.threads) / 1e9;
  return {
    ...timed,
    limit: {
      name: "float32 FMA and read limit",
      seconds: (batch * encoderOperations()) / fma / 1e9 + Math.max(scored, read),
    },
    goals: goal === undefined ? {} : { peer: goal },
  };
}

/** p99 against p50: at most twice as long. */
function tail(name: string, ours: Timing): Work {
  return {
    name,
    ours: { ...ours, median: ours.p99 },
    limit: { name: "its p50", seconds: ours.median },
    goals: { limit: 0.5 },
  };
}
