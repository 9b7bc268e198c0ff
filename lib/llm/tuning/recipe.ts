import type { TrainView } from "../../data/trainView.js";
import { DEFAULT_TOKENS } from "./mix.js";
import { POCKET_SHAPE, type PocketShape, TUNE_SETTINGS, type TuneSettings } from "./options.js";

/** Sizes and settings of a tuning. */
export interface Recipe {
  readonly shape: PocketShape;
  readonly settings: TuneSettings;
  /** Of all stages. */
  readonly tokens: number;
}

/** Interactions from which the full recipe has enough to learn from. */
const ENOUGH = 50_000;
/** Pieces for each title, and the fewest and a step of vocabularies: 256 bytes, labels and words of templates come first. */
const PIECES = { perTitle: 2.5, fewest: 512, step: 32 } as const;

/**
 * What a pocket model is made with unless the caller says otherwise: that of {@link POCKET_SHAPE} and
 * {@link TUNE_SETTINGS}, tried on MovieLens-100K, and for less data a smaller network, smaller batches (it is the number
 * of steps that counts) and more regularisation, tried on the generated shop. The vocabulary grows with the catalogue, so
 * that titles stay words rather than become names.
 */
export function recipeFor({ itemCount, interactionCount }: TrainView): Recipe {
  const wanted = Math.ceil((PIECES.perTitle * itemCount) / PIECES.step) * PIECES.step;
  const vocabulary = Math.min(POCKET_SHAPE.vocabulary, Math.max(PIECES.fewest, wanted));
  if (interactionCount >= ENOUGH)
    return { shape: { ...POCKET_SHAPE, vocabulary }, settings: TUNE_SETTINGS, tokens: DEFAULT_TOKENS };
  return {
    shape: { ...POCKET_SHAPE, vocabulary, dimension: 96, blocks: 3, hidden: 256 },
    settings: { ...TUNE_SETTINGS, batchTokens: 2048, dropout: 0.15, weightDecay: 0.05, pieceDropout: 0.05 },
    tokens: 6_000_000,
  };
}
