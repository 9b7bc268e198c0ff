/**
 * Writes the one ONNX graph that the comparison needs: scores = Gemm(query, table^T), then TopK. An ONNX file is a
 * protocol-buffer message; the field numbers below are those of the public onnx.proto.
 */

type Field = readonly [field: number, value: number | string | Uint8Array];

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

function message(...fields: readonly Field[]): Buffer {
  const parts = fields.flatMap(([field, value]) => {
    if (typeof value === "number") return [Buffer.from([...varint(field * 8), ...varint(value)])];
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return [Buffer.from([...varint(field * 8 + 2), ...varint(bytes.length)]), bytes];
  });
  return Buffer.concat(parts);
}

const float32 = 1;
const int64 = 7;

function shaped(name: string, type: number, shape: readonly (number | string)[]): Buffer {
  const dimensions = shape.map(
    (length): Field => [1, typeof length === "number" ? message([1, length]) : message([2, length])],
  );
  const tensorType = message([1, type], [2, message(...dimensions)]);
  return message([1, name], [2, message([1, tensorType])]);
}

/** A model with input `query [batch x d]` and outputs `scores`, `ids` of shape `[batch x k]`. */
export function topKModel(items: Float32Array, d: number, k: number): Buffer {
  const n = items.length / d;
  const raw = new Uint8Array(items.buffer, items.byteOffset, items.byteLength);
  const table = message([1, n], [1, d], [2, float32], [8, "table"], [9, raw]);
  const count = Buffer.alloc(8);
  count.writeBigInt64LE(BigInt(k));
  const length = message([1, 1], [2, int64], [8, "k"], [9, count]);
  const transposed = message([1, "transB"], [3, 1], [20, 2]);
  const gemm = message([1, "query"], [1, "table"], [2, "all"], [4, "Gemm"], [5, transposed]);
  const top = message([1, "all"], [1, "k"], [2, "scores"], [2, "ids"], [4, "TopK"]);
  const graph = message(
    [1, gemm],
    [1, top],
    [2, "top-k"],
    [5, table],
    [5, length],
    [11, shaped("query", float32, ["batch", d])],
    [12, shaped("scores", float32, ["batch", k])],
    [12, shaped("ids", int64, ["batch", k])],
  );
  return message([1, 8], [7, graph], [8, message([2, 13])]);
}
