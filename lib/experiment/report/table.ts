/** A table before it becomes Markdown or HTML. Cells are plain text; whoever renders escapes. */

export interface Column {
  readonly title: string;
  /** Right-aligned figures. */
  readonly numeric?: boolean;
}

export interface Line {
  readonly cells: readonly string[];
  /** The row that readers look for. */
  readonly strong?: boolean;
}

export interface Table {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly lines: readonly Line[];
}

/** A column of words, then columns of figures. */
export function columns(words: readonly string[], figures: readonly string[]): Column[] {
  return [...words.map((title) => ({ title })), ...figures.map((title) => ({ title, numeric: true }))];
}

/** One line, control characters and line ends turned into spaces. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
