import { argumentError } from "../native/errors.js";
import type { StoredTensor } from "./safetensors.js";

/** Bytes of all texts at most: their places are 32-bit integers. */
const mostBytes = 2 ** 31 - 1;

/**
 * Texts as they lie in a file: their UTF-8, one behind the other, and where each begins. None is decoded before it is asked for,
 * so that a table of millions is there at once and costs the garbage collector nothing.
 */
export class TextTable {
  readonly size: number;
  readonly #offsets: Int32Array;
  readonly #bytes: Buffer;

  /**
   * @param offsets `[size + 1]`, ascending from 0 to the length of `bytes`.
   */
  constructor(offsets: Int32Array, bytes: Uint8Array) {
    this.size = offsets.length - 1;
    this.#offsets = offsets;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Half of a surrogate pair, which has no UTF-8, becomes U+FFFD.
   * @param name Names them in errors.
   * @throws Llama4RecError `E_ARGUMENT` for more than 2 GiB.
   */
  static of(name: string, texts: readonly string[]): TextTable {
    const offsets = new Int32Array(texts.length + 1);
    for (const [at, text] of texts.entries()) {
      const end = offsets[at] + Buffer.byteLength(text);
      if (end > mostBytes) throw argumentError(name, `at most ${mostBytes} bytes`, end);
      offsets[at + 1] = end;
    }
    const bytes = Buffer.alloc(offsets[texts.length]);
    for (const [at, text] of texts.entries()) bytes.write(text, offsets[at]);
    return new TextTable(offsets, bytes);
  }

  /** The text at an index from 0 to `size - 1`. */
  at(index: number): string {
    return this.#bytes.toString("utf8", this.#offsets[index], this.#offsets[index + 1]);
  }

  /** What the constructor takes, by `<name>.offsets` and `<name>.bytes`. */
  tensors(name: string): [string, StoredTensor][] {
    const bytes = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return [
      [`${name}.offsets`, { shape: [this.#offsets.length], values: this.#offsets }],
      [`${name}.bytes`, { shape: [bytes.length], values: bytes }],
    ];
  }
}
