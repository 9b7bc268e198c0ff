import { argumentError } from "../native/errors.js";
import { type ChatFormat, NO_CHAT } from "./chat.js";
import type { LabelSet } from "./languageModel.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/** A vocabulary as {@link Tokens} needs it; the models of node-llama-cpp are of this shape. */
export interface TokenSource<Token extends number> {
  /** Special-token strings in the text stay text unless `specialTokens` is set. */
  tokenize(text: string, specialTokens?: boolean): Token[];
  /** How many tokens {@link TokenSource.tokenize} gives, where that is known in a shorter way. */
  count?(text: string): number;
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
  readonly #labels: readonly LabelSet[];
  /** Of {@link ChatFormat.trimmed}: ends of turns, blanks before answers. */
  readonly #trimmed: boolean;
  readonly #bare: boolean;

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
    this.#trimmed = chat.trimmed ?? false;
    this.#bare = this.#trimmed && chat.answer.endsWith("\n");
    this.#labels = this.#findLabels();
    this.overhead = this.prefix("x").length - this.count("x") + this.answer.length + this.close.length;
  }

  /** Tokens of `text` alone. */
  count(text: string): number {
    return this.#model.count?.(text) ?? this.#model.tokenize(text).length;
  }

  /** A text that begins the user's turn, from the very beginning of the context. */
  prefix(text: string): Token[] {
    const begins = this.#open.length === 0 && this.#blank === "";
    const tokens = begins ? this.#model.tokenize(text) : this.continuation(this.#blank + text);
    return [...this.begin, ...this.#open, ...tokens];
  }

  /** A whole turn of the user, after which the answer is due. */
  turn(text: string): Token[] {
    return [...this.prefix(this.#turnText(text)), ...this.answer];
  }

  /** The rest of a turn of the user that a prefix began, after which the answer is due. */
  restOfTurn(text: string): Token[] {
    return [...this.continuation(this.#turnText(text)), ...this.answer];
  }

  /** A text as an answer; where turns are trimmed, the end of the line is the end of the answer. */
  answerText(text: string): Token[] {
    if (!this.#trimmed) return this.continuation(text);
    const tokens = this.continuation(this.#bare ? text.trim() : text.trimEnd());
    return text.endsWith("\n") ? [...tokens, ...this.close] : tokens;
  }

  /** A text that continues another. */
  continuation(text: string): Token[] {
    return this.#anchored(text, false);
  }

  /** The token of a label, or null if it is not one token. */
  label(text: string): Token | null {
    const tokens = this.answerText(text);
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

  /** See {@link LanguageModel.labels}: with a space before them where there are enough, as answers follow prompts. */
  labels(count: number): LabelSet | null {
    const found = this.#labels.find(({ names }) => names.length >= count);
    return found === undefined ? null : { lead: found.lead, names: found.names.slice(0, count) };
  }

  #turnText(text: string): string {
    return this.#trimmed ? text.trimEnd() : text;
  }

  #anchored(text: string, specialTokens: boolean): Token[] {
    const tokens = this.#model.tokenize(ANCHOR + text, specialTokens);
    const anchored = this.#anchor.every((token, i) => tokens[i] === token);
    return anchored ? tokens.slice(this.#anchor.length) : this.#model.tokenize(text, specialTokens);
  }

  /** The characters that are one distinct token each, with and without a space before them. */
  #findLabels(): LabelSet[] {
    return ([" ", ""] as const).map((lead) => {
      const seen = new Set<Token>();
      const names = LABEL_CHARACTERS.filter((name) => {
        const token = this.label(lead + name);
        if (token === null || seen.has(token)) return false;
        seen.add(token);
        return true;
      });
      return { lead, names };
    });
  }
}

/** The prompts' view of a tokenizer of this package. */
export function promptTokens(tokenizer: Tokenizer, chat: ChatFormat): Tokens<number> {
  const { bos, addBos } = tokenizer.vocabulary;
  return new Tokens(
    {
      count: (text) => tokenizer.count(text),
      tokenize: (text, special) => [...(special ? tokenizer.encodeSpecial(text) : tokenizer.encode(text))],
      tokens: { bos, shouldPrependBosToken: addBos },
    },
    chat,
  );
}
