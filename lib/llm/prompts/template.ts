/**
 * The words of the prompts of one task, each one line. To reword, copy a template, change it and give it a version of
 * its own: cached answers and tuned models belong to a version.
 *
 * The headings come first and are the same in all templates of the package, so that the questions of different tasks
 * about one user share one prefix.
 */
export interface PromptTemplate {
  readonly version: string;
  /** First line: what follows is the user's own list. */
  readonly history: string;
  /** Heading of the most similar user's list. */
  readonly similarUser: string;
  /** Heading of the titles that the backbone predicts. */
  readonly prediction: string;
  /** Before the rating that the backbone predicts. */
  readonly predictedRating: string;
  readonly question: {
    /** After which one title is due. */
    readonly title: string;
    /** Before labelled candidates, after which the label of the best is due. */
    readonly choose: string;
    /** Before two labelled items, after which a label is due. */
    readonly compare: string;
    /** Before one title, after which a rating is due. */
    readonly rate: string;
  };
}

/** Headings and the rating question, shared by all tasks. */
export const HEADINGS = {
  history: "The user's list, oldest first:",
  similarUser: "The list of a similar user:",
  prediction: "Another recommender suggests:",
  predictedRating: "Another recommender expects:",
} as const;

/** The rating question, the same for all tasks. */
export const RATE_QUESTION = "How does the user rate this?";
