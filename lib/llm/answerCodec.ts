/** A value that {@link encodeAnswer} can write: plain data and typed arrays. */
type Encoded = { readonly $f64: string } | { readonly $i32: string };

/** JSON in which numbers and typed arrays keep every bit. Numbers must be finite. */
export function encodeAnswer(answer: object): string {
  return JSON.stringify(answer, (_key, value: unknown) => {
    if (value instanceof Float64Array) return { $f64: base64(value) };
    if (value instanceof Int32Array) return { $i32: base64(value) };
    return value;
  });
}

/** The object that {@link encodeAnswer} wrote, or null if the text is damaged. */
export function decodeAnswer(text: string): object | null {
  try {
    const answer: unknown = JSON.parse(text, (_key, value: unknown) => {
      if (!isEncoded(value)) return value;
      return "$f64" in value ? new Float64Array(bytes(value.$f64)) : new Int32Array(bytes(value.$i32));
    });
    return typeof answer === "object" ? answer : null;
  } catch {
    return null;
  }
}

function isEncoded(value: unknown): value is Encoded {
  return typeof value === "object" && value !== null && ("$f64" in value || "$i32" in value);
}

function base64(array: Float64Array | Int32Array): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
}

function bytes(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, "base64")).buffer;
}
