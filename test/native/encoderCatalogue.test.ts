import test from "ava";
import { randomEncoder } from "../../benchmarks/micro/encoderModel.js";
import { Catalogue } from "../../lib/native/catalogue.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { SequenceEncoder } from "../../lib/native/sequenceEncoder.js";
import { openCatalogue, saveCatalogue } from "../../lib/storage/catalogueFile.js";
import { fileOf } from "../datasets/temporary.js";

const model = randomEncoder(500);
const { dimension } = model.shape;
const histories = { offsets: Int32Array.of(0, 3, 3, 7), items: Int32Array.of(1, 499, 0, 7, 7, 250, 3) };

test("an encoder over the catalogue of its items has the same bits, and needs nobody else to hold that", async (t) => {
  using own = new SequenceEncoder(model);
  const path = fileOf(t, "items.safetensors", "");
  using built = new Catalogue(model.items, { dimension });
  await saveCatalogue(path, built);
  const mapped = await openCatalogue(path);
  using over = new SequenceEncoder(model, mapped);
  mapped.dispose();
  t.deepEqual(over.encode(histories), own.encode(histories));
  t.deepEqual(over.topK(histories, { k: 20 }), own.topK(histories, { k: 20 }));
  t.deepEqual(await over.topKAsync(histories, { k: 20 }), own.topK(histories, { k: 20 }));
});

test("a catalogue of something else is refused", (t) => {
  const refused = (message: RegExp) => ({ instanceOf: Llama4RecError, code: "E_ARGUMENT", message }) as const;
  using fewer = new Catalogue(model.items.slice(dimension), { dimension });
  t.throws(
    () => new SequenceEncoder(model, fewer),
    refused(/^shared: expected a catalogue of 500 items, got 499/),
  );
  using narrow = new Catalogue(new Float32Array(500), { dimension: 1 });
  t.throws(() => new SequenceEncoder(model, narrow), refused(/64 dimensions, got 1/));
  using biased = new Catalogue(model.items, { dimension, biases: new Float32Array(500) });
  t.throws(() => new SequenceEncoder(model, biased), refused(/without biases/));
  const gone = new Catalogue(model.items, { dimension });
  gone.dispose();
  t.throws(() => new SequenceEncoder(model, gone), { instanceOf: Llama4RecError, code: "E_DISPOSED" });
});
