/**
 * The words of the prompts of one task. To reword, copy a template, change it and give it a version of its own: cached
 * answers belong to a version.
 */
export interface PromptTemplate {
  readonly version: string;
  /** First line: what the model is to do, when it ranks, when it prefers one of two and when it picks one of several. */
  readonly instruction: { readonly rank: string; readonly compare: string; readonly choose: string };
  /** Headings of the title lists, in the order they appear. */
  readonly history: string;
  readonly similarUser: string;
  readonly prediction: string;
  readonly candidates: string;
  /** Last line, after which a title or a label is due. */
  readonly question: { readonly title: string; readonly label: string };
}
