import type { LlamaModel, Token } from "node-llama-cpp";
import type { LabelSet } from "./languageModel.js";

const LABEL_CHARACTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"];

// Texts continue a prefix, so they are tokenized after a line break that is then taken off: otherwise SPM
// vocabularies put a space before them. No vocabulary merges a line break with the word after it.
const ANCHOR = "\n";

/** A model's vocabulary as prompts need it. Text is always plain text: special-token strings in it stay text. */
export class Tokens {
  readonly #model: LlamaModel;
  readonly #anchor: readonly Token[];
  readonly #labels: LabelSet;

  constructor(model: LlamaModel) {
    this.#model = model;
    this.#anchor = model.tokenize(ANCHOR);
    this.#labels = this.#findLabels();
  }

  /** Tokens of `text` alone. */
  count(text: string): number {
    return this.#model.tokenize(text).length;
  }

  /** Tokens before every prefix: one if the model begins its texts with a mark, else none. */
  get begin(): readonly Token[] {
    const { bos, shouldPrependBosToken } = this.#model.tokens;
    return shouldPrependBosToken && bos !== null ? [bos] : [];
  }

  /** A text from the very beginning of the context. */
  prefix(text: string): Token[] {
    return [...this.begin, ...this.#model.tokenize(text)];
  }

  /** A text that continues another. */
  continuation(text: string): Token[] {
    const tokens = this.#model.tokenize(ANCHOR + text);
    const anchored = this.#anchor.every((token, i) => tokens[i] === token);
    return anchored ? tokens.slice(this.#anchor.length) : this.#model.tokenize(text);
  }

  /** The token of a label, or null if it is not one token. */
  label(text: string): Token | null {
    const tokens = this.continuation(text);
    return tokens.length === 1 ? tokens[0] : null;
  }

  /** See {@link LanguageModel.labels}. */
  labels(count: number): LabelSet | null {
    const { lead, names } = this.#labels;
    return names.length >= count ? { lead, names: names.slice(0, count) } : null;
  }

  /** The characters that are one distinct token each, with or without a space before them, whichever gives more. */
  #findLabels(): LabelSet {
    const usable = (lead: "" | " "): LabelSet => {
      const seen = new Set<Token>();
      const names = LABEL_CHARACTERS.filter((name) => {
        const token = this.label(lead + name);
        if (token === null || seen.has(token)) return false;
        seen.add(token);
        return true;
      });
      return { lead, names };
    };
    const [spaced, bare] = [usable(" "), usable("")];
    return bare.names.length > spaced.names.length ? bare : spaced;
  }
}
