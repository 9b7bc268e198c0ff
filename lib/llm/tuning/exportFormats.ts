import type { Instruction } from "./instructions.js";

/**
 * How instructions are written for other trainers, one JSON object a line:
 *
 * - `chat`: `{"messages": [{"role": "user", "content"}, {"role": "assistant", "content"}]}`.
 * - `alpaca`: `{"instruction", "input", "output"}`, the whole prompt as instruction: trainers that join it with an input
 *   each put something else between the two.
 * - `dpo`: `{"prompt", "chosen", "rejected"}`, of questions with a wrong answer alone: which of two is liked more.
 */
export type ExportFormat = "chat" | "alpaca" | "dpo";

/** All of them. */
export const EXPORT_FORMATS: readonly ExportFormat[] = ["chat", "alpaca", "dpo"];

/**
 * One instruction as a line of a file, line break included; null where the format has no place for it. Prompts end
 * without their line break and answers begin without their blank: some chat templates trim what they are given and some
 * do not, and this way both make the same text.
 *
 * @param prefix The user's lists, which the question continues.
 */
export function exportLine(
  format: ExportFormat,
  prefix: string,
  { question, answer, rejected }: Pick<Instruction, "question" | "answer" | "rejected">,
): string | null {
  const prompt = (prefix + question).trimEnd();
  const record = recordOf(format, prompt, answer.trim(), rejected?.trim());
  return record && `${JSON.stringify(record)}\n`;
}

function recordOf(format: ExportFormat, prompt: string, answer: string, rejected?: string): object | null {
  switch (format) {
    case "chat":
      return {
        messages: [
          { role: "user", content: prompt },
          { role: "assistant", content: answer },
        ],
      };
    case "alpaca":
      return { instruction: prompt, input: "", output: answer };
    case "dpo":
      return rejected === undefined ? null : { prompt, chosen: answer, rejected };
  }
}

/** What LLaMA-Factory's `dataset_info.json` says of a file in Alpaca format. */
export function alpacaEntry(fileName: string): object {
  return {
    file_name: fileName,
    formatting: "alpaca",
    columns: { prompt: "instruction", query: "input", response: "output" },
  };
}
