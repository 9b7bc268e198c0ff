/** Stable codes of every error the package throws; programs match on these, never on the text. */
export type ErrorCode =
  /** An argument has the wrong type, range or shape. */
  | "E_ARGUMENT"
  /** A tensor handle, native object or language model was used after its scope ended or it was disposed. */
  | "E_DISPOSED"
  /** A file or folder does not exist or cannot be read or written. */
  | "E_FILE"
  /** A table lacks a named column. */
  | "E_COLUMN"
  /** A row of a table does not parse; the message names file and line. */
  | "E_ROW"
  /** A backbone that is not in the registry, does not load, or fails in one of its functions. */
  | "E_BACKBONE"
  /** Unknown task, or one that this object does not do. */
  | "E_TASK"
  /** The file is no GGUF, is truncated, or llama.cpp refuses it. */
  | "E_GGUF"
  /** An optional dependency (node-llama-cpp; vega and vega-lite) is not installed. */
  | "E_DEPENDENCY"
  /** The native addon is missing, of another version, or refuses the machine. */
  | "E_ADDON"
  /** The device asked for cannot be had; the message says why. */
  | "E_DEVICE"
  /** The loss or a parameter is no longer finite. */
  | "E_DIVERGED"
  /** A stored file fails its checks. */
  | "E_CORRUPT"
  /** A stored file has another version of the layout than this program reads. */
  | "E_VERSION"
  /** A stored file is of another kind, another program's, or of another run than the one that reads it. */
  | "E_MISMATCH"
  /** A training thread ended before its result: an exit, an uncaught error or too little memory. */
  | "E_WORKER"
  /** Memory could not be had. */
  | "E_NO_MEMORY"
  /** A fault inside the package; please report it. */
  | "E_INTERNAL";

/**
 * The one error class of the package.
 *
 * @example
 * ```ts
 * try {
 *   await openDataset({ data: "./nowhere" });
 * } catch (error) {
 *   if (error instanceof Llama4RecError && error.code === "E_FILE") console.error(error.message);
 * }
 * ```
 */
export class Llama4RecError extends Error {
  override readonly name = "Llama4RecError";
  /** Stable, machine-readable reason. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Error for one bad argument: names it, says what was expected and what came. */
export function argumentError(name: string, expected: string, received: unknown): Llama4RecError {
  return new Llama4RecError("E_ARGUMENT", `${name}: expected ${expected}, got ${describe(received)}`);
}

/** Short, safe description of any value for an error message. */
export function describe(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (value === null || typeof value !== "object") return String(value);
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return `an object (${value.constructor?.name ?? "no prototype"})`;
}
