/**
 * The words of the prompts for direct recommendation and for preferring one of two items. To reword, copy one, change
 * it and give it a version of its own: cached answers belong to a version.
 */
export interface DirectTemplate {
  readonly version: string;
  /** First line: what the model is to do, when it ranks and when it compares. */
  readonly instruction: { readonly rank: string; readonly compare: string };
  /** Headings of the title lists, in the order they appear. */
  readonly history: string;
  readonly similarUser: string;
  readonly prediction: string;
  readonly candidates: string;
  /** Last line, after which a title or a label is due. */
  readonly question: { readonly title: string; readonly label: string };
}

/** Short, so that it fits small models: about 60 tokens under a vocabulary of 512 pieces. */
export const DIRECT_TEMPLATE: DirectTemplate = {
  version: "direct-1",
  instruction: {
    rank: "Recommend the next item for this user.",
    compare: "Say which of two items this user likes more.",
  },
  history: "The user liked:",
  similarUser: "A similar user liked:",
  prediction: "Another recommender suggests:",
  candidates: "Candidates:",
  question: { title: "Next item:", label: "Best:" },
};
