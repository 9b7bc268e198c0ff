/**
 * Every number of the generated shop. They were chosen on popularity, EASE and word overlap alone and fixed before any
 * method ran on the shop. Shares are in [0, 1]; weights are relative.
 */

/** Size and seed of a generated shop. */
export interface ShopOptions {
  /** Seed of the generator; the same seed gives the same shop, bit for bit, on every machine. */
  seed?: number;
  /** Readers, from 10 to 100,000. */
  users?: number;
  /** Books, from 50 to 20,000. */
  items?: number;
  /** Interactions: at least 5 a reader, at most a quarter of the catalogue a reader. */
  interactions?: number;
}

/** The embedded default. */
export const SHOP_DEFAULTS: Readonly<Required<ShopOptions>> = {
  seed: 1,
  users: 800,
  items: 600,
  interactions: 20_000,
};

/** Least and largest counts that {@link ShopOptions} may ask for. */
export const LIMITS = { users: [10, 100_000], items: [50, 20_000] } as const;

/** Books and their authors. */
export const BOOKS = {
  /** Books an author has on average. */
  perAuthor: 6,
  /** An author of rank r writes with weight 1 / (r + authors * this). */
  authorOffset: 0.15,
  /** A theme of rank r is written and liked with weight 1 / (r + this). */
  themeOffset: 4,
  /** Share of books in their author's own theme. */
  homeTheme: 0.9,
  /** Share of those that are on the author's own subject. */
  homeSubject: 0.65,
  /** Share of those that belong to the author's series, whose titles share one role. */
  series: 0.45,
  /** Share of books with a second genre. */
  secondGenre: 0.4,
  /** Draws of a title before a volume number makes it unique. */
  titleDraws: 60,
  /** A book of popularity rank r is read with weight 1 / (r + items * this). */
  popularityOffset: 0.006,
  /** Share of books that are there from the start; the others come out one by one. */
  backlist: 0.7,
  /** Share of the span at whose end the last book comes out. */
  lastRelease: 0.85,
  /** Oldest year of a backlist book. */
  firstYear: 1970,
} as const;

/** Readers and what they like. */
export const READERS = {
  /** Fewest interactions of a reader. */
  fewest: 5,
  /** No reader has more than this share of the catalogue. */
  mostShare: 0.25,
  /** A reader of activity rank r reads with weight 1 / (r / users + this)^3. */
  activityOffset: 0.25,
  /** Weights of the themes a reader likes; each is liked for one of its subjects. */
  themeWeights: [1, 0.6, 0.4],
  /** How many new themes come in at the top by the end of the span, the last ones dropping out: the drift of taste. */
  drifting: 1,
  /** Weight of a liked theme's other subjects, relative to its liked one. */
  otherSubjects: 0.2,
  /** Weight of everything else. */
  anything: 0.008,
  /** Factor on books of an author whom the reader rated as liked. */
  loyalty: 2.5,
  /** Readers join up to this share of the span. */
  lastJoin: 0.6,
} as const;

/** How a rating comes about: the sum of these, rounded and cut to 1..5. A bell is a sum of four uniforms less 2. */
export const RATINGS = {
  base: 3.4,
  /** Times the fit: 1 on a liked subject, less on a liked theme, about 0 elsewhere. */
  fit: 1.5,
  /** Times a bell, per book. */
  quality: 0.7,
  /** Times a bell, per reader. */
  generosity: 0.5,
  /** Times a bell, per rating. */
  noise: 0.9,
  /** Ratings from here on are likes. */
  likeThreshold: 4,
} as const;

/** Time, in seconds since 1970 (UTC). */
export const SPAN = {
  /** The first day of `startYear`. */
  start: 1_420_070_400,
  startYear: 2015,
  years: 5,
  /** 1,826 days: to the end of 2019. */
  seconds: 157_766_400,
} as const;
