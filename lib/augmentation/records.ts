import { digestOf } from "../data/digest.js";

/** One question of {@link augmentPairs}: which of two unseen items a user would like more. */
export interface PairRecord {
  readonly user: number;
  /** Item indices, as the first order of the question shows them. */
  readonly items: readonly [first: number, second: number];
  readonly source: "backbone" | "random";
  /** See {@link promptHash}. */
  readonly promptHash: string;
  /** Null: the model gave none. */
  readonly answer: {
    /** Position in `items`. */
    readonly preferred: 0 | 1;
    /** Log-odds of the preferred item, averaged over both orders of the question. */
    readonly margin: number;
    /** Whether both orders named the same item; only then is the pair used. */
    readonly consistent: boolean;
  } | null;
}

/** One question of {@link augmentSequences}: which of some unseen items a user would take next. */
export interface InsertionRecord {
  readonly user: number;
  /** Place in the user's training row that the chosen item goes before. */
  readonly position: number;
  /** Item indices in the order shown. */
  readonly candidates: readonly number[];
  readonly promptHash: string;
  /** Index of the chosen item; null: the model gave no answer. */
  readonly answer: number | null;
}

/** One question of {@link augmentAttributes}: what is missing of an item. */
export interface AttributeRecord {
  readonly item: number;
  readonly promptHash: string;
  /** Checked text by field, "" where it is not known; null: the model gave no answer. */
  readonly answer: Readonly<Record<string, string>> | null;
}

/** What each recipe of data augmentation keeps of a question. */
export interface RecipeRecords {
  readonly pairs: PairRecord;
  readonly insertions: InsertionRecord;
  readonly attributes: AttributeRecord;
}

/** A recipe of data augmentation: direct, sequential, rating. */
export type AugmentationRecipe = keyof RecipeRecords;

/** Where augmented data comes from. */
export interface Provenance<R extends AugmentationRecipe = AugmentationRecipe> {
  readonly recipe: R;
  /** Digest of the training view that was read. */
  readonly view: string;
  /** {@link LanguageModel.id} of the model that answered. */
  readonly model: string;
  /** Version of the prompts' template. */
  readonly template: string;
  /** Of the draws; null where nothing is drawn. */
  readonly seed: number | null;
  /** Options that decide what is asked and used. */
  readonly options: Readonly<Record<string, string | number | null | readonly string[]>>;
  readonly counts: {
    /** Questions asked. */
    readonly asked: number;
    /** Of these, answered. */
    readonly answered: number;
    /** Of the answers, those that became data. */
    readonly used: number;
  };
}

/** What a recipe says of its run beside the data it made: all that a file of it needs but the split. */
export interface Recorded<R extends AugmentationRecipe> {
  readonly provenance: Provenance<R>;
  /** One a question, in the order asked. */
  readonly records: readonly RecipeRecords[R][];
}

/** SHA-256 in hex over the texts that one question consists of: prefix, then what continues it. */
export function promptHash(texts: readonly string[]): string {
  return digestOf(texts);
}
