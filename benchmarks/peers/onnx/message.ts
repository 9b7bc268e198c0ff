/** Protocol-buffer messages, as far as an ONNX file needs them. */

/** A field with its number and its value: a whole number, text, bytes or a message. */
export type Field = readonly [field: number, value: number | string | Uint8Array];

/** A number that a message holds in 32 bits. */
export interface Float {
  readonly float: number;
}

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

/** A message of these fields. Negative numbers take the ten bytes of an int64. */
export function message(...fields: readonly (Field | readonly [field: number, value: Float])[]): Buffer {
  const parts = fields.flatMap(([field, value]) => {
    if (typeof value === "number") return [Buffer.from([...varint(field * 8), ...int64(value)])];
    if (typeof value === "object" && "float" in value) {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value.float);
      return [Buffer.from(varint(field * 8 + 5)), bytes];
    }
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return [Buffer.from([...varint(field * 8 + 2), ...varint(bytes.length)]), bytes];
  });
  return Buffer.concat(parts);
}

function int64(value: number): number[] {
  if (value >= 0) return varint(value);
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}
