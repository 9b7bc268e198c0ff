import { argumentError } from "../native/errors.js";
import type { GgufHeader } from "./gguf/header.js";

/**
 * The texts around a user's turn: `open`, what is asked, `answer`, the model's answer. Special tokens may be spelt in
 * them, and in them alone. No system turn: what the model is told is what the request says.
 */
export interface ChatFormat {
  /** Before the user's turn; a mark that begins every text of the model is not part of it. */
  readonly open: string;
  /** Between the user's turn and the answer. No blank at its end: answers bring their own. */
  readonly answer: string;
  /** Ends an answer. */
  readonly close?: string;
  /**
   * Whether turns go without blanks and line breaks at their ends, as most chat templates have it and exported
   * instructions are written. Answers lose those before them only where `answer` ends with a line break.
   */
  readonly trimmed?: boolean;
}

/** How a model is asked: as its file says, without turns, or in a given format. */
export type ChatOption = "auto" | "none" | ChatFormat;

/** Plain continuation, for models that were never taught turns. */
export const NO_CHAT: ChatFormat = { open: "", answer: "" };

/** `llama4rec.format` of the models that this package tunes. */
export const POCKET_FORMAT = "pocket-1";

/** The turns of the models that this package tunes. */
export const POCKET_CHAT: ChatFormat = { open: "[INST]", answer: "[/INST]", close: "</s>" };

/** Turn formats by a mark of their templates. */
const FORMATS: readonly (readonly [mark: string, format: ChatFormat])[] = [
  [
    "<|start_header_id|>",
    {
      open: "<|start_header_id|>user<|end_header_id|>\n\n",
      answer: "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
      close: "<|eot_id|>",
      trimmed: true,
    },
  ],
  [
    "<start_of_turn>",
    {
      open: "<start_of_turn>user\n",
      answer: "<end_of_turn>\n<start_of_turn>model\n",
      close: "<end_of_turn>",
      trimmed: true,
    },
  ],
  [
    "<|im_start|>",
    {
      open: "<|im_start|>user\n",
      answer: "<|im_end|>\n<|im_start|>assistant\n",
      close: "<|im_end|>",
      trimmed: true,
    },
  ],
];

/** @throws Llama4RecError `E_ARGUMENT` when it is no way to ask a model. */
export function checkChat(chat: ChatOption = "auto"): void {
  if (chat === "auto" || chat === "none") return;
  if (typeof chat !== "object" || chat === null)
    throw argumentError("chat", '"auto", "none" or a chat format', chat);
  const { open, answer, close = "", trimmed = false } = chat;
  for (const [part, text] of Object.entries({ open, answer, close }))
    if (typeof text !== "string") throw argumentError(`chat.${part}`, "a text", text);
  if (typeof trimmed !== "boolean") throw argumentError("chat.trimmed", "true or false", trimmed);
}

/** The format to ask a model in. */
export function chatOf(header: Pick<GgufHeader, "metadata">, chat: ChatOption = "auto"): ChatFormat {
  if (chat === "auto") return chatFormatOf(header);
  return chat === "none" ? NO_CHAT : chat;
}

/**
 * The turn format of a model, told by its header: the package's own models by `llama4rec.format`, others by their chat
 * template (Llama 3, Gemma, ChatML, and the `[INST]` of Llama 2 and Mistral with the blanks that the template has). Other
 * templates, and none, give {@link NO_CHAT}.
 */
export function chatFormatOf({ metadata }: Pick<GgufHeader, "metadata">): ChatFormat {
  if (metadata.get("llama4rec.format") === POCKET_FORMAT) return POCKET_CHAT;
  const template = metadata.get("tokenizer.chat_template");
  if (typeof template !== "string") return NO_CHAT;
  const known = FORMATS.find(([mark]) => template.includes(mark) && !template.includes("<|im_sep|>"));
  return known ? known[1] : bracketFormatOf(template);
}

/** `[INST]` is one token in some vocabularies and five in others, with or without a blank inside the turn. */
function bracketFormatOf(template: string): ChatFormat {
  const open = /\[INST\] ?/.exec(template);
  const answer = / ?\[\/INST\]/.exec(template);
  return open && answer ? { open: open[0], answer: answer[0], close: "</s>", trimmed: true } : NO_CHAT;
}
