import type { ExecutionContext } from "ava";
import { type ErrorCode, Llama4RecError } from "../../lib/native/errors.js";

/** Asserts that `body` throws the package's own error with that code, and words that match. */
export function raises(t: ExecutionContext, body: () => unknown, code: ErrorCode, message = /./): void {
  t.throws(body, { instanceOf: Llama4RecError, code, message });
}

/** Calls a function with arguments that its type forbids, as JavaScript can. */
export function loosely(body: (...args: never[]) => unknown, ...args: unknown[]): unknown {
  return Reflect.apply(body, undefined, args);
}

/** A typed array whose memory was transferred away. */
export function detached<T extends Int32Array | Float32Array | Float64Array | Uint8Array>(array: T): T {
  if (array.buffer instanceof ArrayBuffer) structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}
