import { argumentError } from "../native/errors.js";
import { type ChatFormat, NO_CHAT } from "./chat.js";
import type { LabelSet } from "./languageModel.js";

/** A vocabulary as {@link Tokens} needs it; the models of node-llama-cpp are of this shape. */
export interface TokenSource<Token extends number> {
  /** Special-token strings in the text stay text unless `specialTokens` is set. */
  tokenize(text: string, specialTokens?: boolean): Token[];
  readonly tokens: { readonly bos: Token | null; readonly shouldPrependBosToken: boolean };
}

const LABEL_CHARACTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"];

// Texts continue a prefix, so they are tokenized after a line break that is then taken off: otherwise SPM
// vocabularies put a space before them. No vocabulary merges a line break with the word after it.
const ANCHOR = "\n";

/**
 * A model's vocabulary as prompts need it. Text is always plain text: special-token strings in it stay text. Only the
 * marks of the chat format may be special tokens.
 */
export class Tokens<Token extends number> {
  /** Before every text: one token if the model begins its texts with a mark, else none. */
  readonly begin: readonly Token[];
  /** Between a user's turn and the answer; none without a chat format. */
  readonly answer: readonly Token[];
  /** What ends an answer; none without a chat format. */
  readonly close: readonly Token[];
  /** Tokens of a request that are not text of its own. */
  readonly overhead: number;
  readonly #model: TokenSource<Token>;
  readonly #anchor: readonly Token[];
  readonly #open: readonly Token[];
  /** Ends the opening mark, but is tokenized with the text: vocabularies join a blank to the word after it. */
  readonly #blank: string;
  readonly #labels: LabelSet;

  constructor(model: TokenSource<Token>, chat: ChatFormat = NO_CHAT) {
    this.#model = model;
    this.#anchor = model.tokenize(ANCHOR);
    const open = chat.open.replace(/ +$/, "");
    this.#blank = chat.open.slice(open.length);
    const { bos, shouldPrependBosToken } = model.tokens;
    this.begin = shouldPrependBosToken && bos !== null ? [bos] : [];
    this.#open = open === "" ? [] : model.tokenize(open, true);
    this.answer = chat.answer === "" ? [] : this.#anchored(chat.answer, true);
    this.close = chat.close ? this.#anchored(chat.close, true) : [];
    this.#labels = this.#findLabels();
    this.overhead = this.prefix("x").length - this.count("x") + this.answer.length;
  }

  /** Tokens of `text` alone. */
  count(text: string): number {
    return this.#model.tokenize(text).length;
  }

  /** A text that begins the user's turn, from the very beginning of the context. */
  prefix(text: string): Token[] {
    const begins = this.#open.length === 0 && this.#blank === "";
    const tokens = begins ? this.#model.tokenize(text) : this.continuation(this.#blank + text);
    return [...this.begin, ...this.#open, ...tokens];
  }

  /** A whole turn of the user, after which the answer is due. */
  turn(text: string): Token[] {
    return [...this.prefix(text), ...this.answer];
  }

  /** A text that continues another. */
  continuation(text: string): Token[] {
    return this.#anchored(text, false);
  }

  /** The token of a label, or null if it is not one token. */
  label(text: string): Token | null {
    const tokens = this.continuation(text);
    return tokens.length === 1 ? tokens[0] : null;
  }

  /**
   * The tokens of labels.
   *
   * @param name of the argument, for the error
   * @throws Llama4RecError `E_ARGUMENT` for a label that is not one token of its own.
   */
  labelTokens(name: string, labels: readonly string[]): Token[] {
    const seen = new Set<Token>();
    return labels.map((text, i) => {
      const token = this.label(text);
      if (token === null || seen.has(token)) {
        throw argumentError(`${name}[${i}]`, "a label that is one token of its own, see labels()", text);
      }
      seen.add(token);
      return token;
    });
  }

  /** See {@link LanguageModel.labels}. */
  labels(count: number): LabelSet | null {
    const { lead, names } = this.#labels;
    return names.length >= count ? { lead, names: names.slice(0, count) } : null;
  }

  #anchored(text: string, specialTokens: boolean): Token[] {
    const tokens = this.#model.tokenize(ANCHOR + text, specialTokens);
    const anchored = this.#anchor.every((token, i) => tokens[i] === token);
    return anchored ? tokens.slice(this.#anchor.length) : this.#model.tokenize(text, specialTokens);
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
