/** Rows of a table in compressed lists: list `l` has `rows[offsets[l] .. offsets[l + 1])`. */
export interface SideRows {
  readonly offsets: Int32Array;
  readonly rows: Int32Array;
}

/** The fields of some pairs of user and item, as one call of `bag` with mode `mean` takes them. */
export interface FeatureBatch {
  /** Pairs. */
  readonly size: number;
  /** Fields of each. */
  readonly fields: number;
  /** Rows of the table. */
  readonly indices: Int32Array;
  /** `[size x fields + 1]`: where the rows of each field of each pair begin. */
  readonly offsets: Int32Array;
}

/** Pairs with their ratings, and the share of each row of the tables in the penalty. */
export interface RatingBatch extends FeatureBatch {
  /** `[size]` */
  readonly ratings: Float32Array;
  /** The rows that occur in the batch, each once. */
  readonly rows: Int32Array;
  /** Root of the part of a row's occurrences in an epoch that lie in this batch. */
  readonly shares: Float32Array;
}

/** What {@link pooledRows} joins. */
export interface PooledSource {
  /** Of users and of items: lists of each one's fields, and whose fields each pair has. */
  readonly sides: readonly {
    readonly fields: number;
    readonly side: SideRows;
    readonly places: Int32Array;
  }[];
  /** One more field: the items that the user has rated but this one. Item `i` is row `first + 1 + i`, `first`: none. */
  readonly history: {
    readonly bags: SideRows;
    readonly users: Int32Array;
    readonly items: Int32Array;
    readonly first: number;
  } | null;
}

/** Joins the fields of users, items and histories, pair by pair. */
export function pooledRows({ sides, history }: PooledSource): FeatureBatch {
  const size = sides[0].places.length;
  let fields = history === null ? 0 : 1;
  let most = 0;
  for (const { fields: ofSide, side, places } of sides) {
    fields += ofSide;
    for (let pair = 0; pair < size; pair++)
      most += side.offsets[(places[pair] + 1) * ofSide] - side.offsets[places[pair] * ofSide];
  }
  if (history !== null) {
    const { bags, users } = history;
    for (let pair = 0; pair < size; pair++)
      most += 1 + (users[pair] < 0 ? 0 : bags.offsets[users[pair] + 1] - bags.offsets[users[pair]]);
  }
  const offsets = new Int32Array(size * fields + 1);
  const indices = new Int32Array(most);
  let field = 0;
  let end = 0;
  for (let pair = 0; pair < size; pair++) {
    for (const { fields: ofSide, side, places } of sides) {
      const begin = places[pair] * ofSide;
      for (let list = begin; list < begin + ofSide; list++) {
        for (let at = side.offsets[list]; at < side.offsets[list + 1]; at++) indices[end++] = side.rows[at];
        offsets[++field] = end;
      }
    }
    if (history === null) continue;
    const { bags, users, items, first } = history;
    const user = users[pair];
    const item = items[pair];
    const before = end;
    if (user >= 0)
      for (let at = bags.offsets[user]; at < bags.offsets[user + 1]; at++)
        if (bags.rows[at] !== item) indices[end++] = first + 1 + bags.rows[at];
    if (end === before) indices[end++] = first;
    offsets[++field] = end;
  }
  return { size, fields, indices: end === most ? indices : indices.subarray(0, end), offsets };
}
