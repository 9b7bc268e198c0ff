/**
 * Rows kept back by {@link split}: one target item per row, at most one row per user, users ascending.
 *
 * For evaluators only. Validation rows may choose (epoch, lambda, alpha); test rows are touched once, at the end.
 * Nothing that trains, samples, augments or writes prompts takes one.
 */
export class HeldOut {
  /** Which of the two it is. */
  readonly name: "validation" | "test";
  /** Internal user index of each row. */
  readonly users: Int32Array;
  /** Internal index of the item to be found, per row. */
  readonly items: Int32Array;
  /** Rating that the user gave it, per row: what a rating model is to predict. Null: rows for rankings alone. */
  readonly ratings: Float32Array | null;

  constructor(
    name: "validation" | "test",
    users: Int32Array,
    items: Int32Array,
    ratings: Float32Array | null = null,
  ) {
    this.name = name;
    this.users = users;
    this.items = items;
    this.ratings = ratings;
  }
}
