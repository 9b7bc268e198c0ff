import type { ExternalId, IdMap } from "../data/idMap.js";
import { argumentError } from "../native/errors.js";
import type { StoredTensor } from "../storage/safetensors.js";
import { TextTable } from "../storage/textTable.js";

/**
 * The ids of an `IdMap` as they lie in a file: numbers ascending, then texts, found by a table of hashes. They need not be read
 * before the first of them is looked for, whatever their number.
 */
export class StoredIds {
  readonly #numbers: Float64Array;
  readonly #texts: TextTable;
  /** A power of two long, at least twice the texts: place of a text, 1 the first, from its hash on; 0 is free. */
  readonly #places: Int32Array;

  /** @param numbers Ascending, none twice. */
  constructor(numbers: Float64Array, texts: TextTable, places: Int32Array) {
    this.#numbers = numbers;
    this.#texts = texts;
    this.#places = places;
  }

  /**
   * @param name Names them in errors.
   * @throws Llama4RecError `E_ARGUMENT` for a number that is not finite and a text that is no valid Unicode.
   */
  static of(name: string, ids: IdMap): StoredIds {
    const all = [...ids]; // numbers before texts, each ascending
    const numbers = Float64Array.from(all.filter((id) => typeof id === "number"));
    const bad = numbers.findIndex((id) => !Number.isFinite(id));
    if (bad >= 0) throw argumentError(`${name}[${bad}]`, "a string or a finite number", numbers[bad]);
    const texts = all.filter((id) => typeof id === "string");
    const places = new Int32Array(2 ** Math.ceil(Math.log2(2 * texts.length + 1)));
    for (const [at, text] of texts.entries()) {
      if (/\p{Surrogate}/u.test(text))
        throw argumentError(`${name}[${numbers.length + at}]`, "valid Unicode", text);
      let place = hashOf(text) & (places.length - 1);
      while (places[place] !== 0) place = (place + 1) & (places.length - 1);
      places[place] = at + 1;
    }
    return new StoredIds(numbers, TextTable.of(name, texts), places);
  }

  get size(): number {
    return this.#numbers.length + this.#texts.size;
  }

  /** The index of an id, -1 where it is unknown. */
  indexOf(id: ExternalId): number {
    return typeof id === "number" ? this.#indexOfNumber(id) : this.#indexOfText(id);
  }

  /** The id at an index from 0 to `size - 1`. @throws Llama4RecError `E_ARGUMENT` for any other. */
  idAt(index: number): ExternalId {
    if (!Number.isInteger(index) || index < 0 || index >= this.size)
      throw argumentError("index", `an integer from 0 to ${this.size - 1}`, index);
    const before = this.#numbers.length;
    return index < before ? this.#numbers[index] : this.#texts.at(index - before);
  }

  /** What the constructor takes, under names that begin with `name`. */
  tensors(name: string): [string, StoredTensor][] {
    return [
      [`${name}.numbers`, { shape: [this.#numbers.length], values: this.#numbers }],
      [`${name}.places`, { shape: [this.#places.length], values: this.#places }],
      ...this.#texts.tensors(name),
    ];
  }

  #indexOfNumber(id: number): number {
    const numbers = this.#numbers;
    const guess = id - numbers[0]; // right where ids count up
    if (numbers[guess] === id) return guess;
    let low = 0;
    let high = numbers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (numbers[middle] < id) low = middle + 1;
      else high = middle;
    }
    return numbers[low] === id ? low : -1;
  }

  #indexOfText(id: string): number {
    const last = this.#places.length - 1;
    let place = hashOf(id) & last;
    for (let tried = 0; tried <= last; tried++) {
      const at = this.#places[place] - 1;
      if (at < 0 || at >= this.#texts.size) return -1;
      if (this.#texts.at(at) === id) return this.#numbers.length + at;
      place = (place + 1) & last;
    }
    return -1;
  }
}

/** FNV-1a (Fowler, Noll and Vo) over UTF-16 code units, the higher bits folded into the lower ones. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash ^ (hash >>> 15);
}
