import { call } from "./addon.js";

/**
 * The bipartite graph of users and items in native memory, symmetrically normalised: edge (u, i) weighs
 * `1 / sqrt(degree(u) degree(i))` (He et al., LightGCN, SIGIR 2020, Eq. 3). What {@link propagate} runs over; nodes are
 * the users, then the items.
 */
export class Graph implements Disposable {
  /** Id of the native object. @internal */
  readonly id: number;
  readonly userCount: number;
  readonly itemCount: number;

  private constructor(id: number, userCount: number, itemCount: number) {
    this.id = id;
    this.userCount = userCount;
    this.itemCount = itemCount;
  }

  /**
   * @param rows Items of each user, ascending inside a user.
   * @throws Llama4RecError `E_ARGUMENT` when the rows are malformed.
   */
  static of(rows: {
    readonly userCount: number;
    readonly itemCount: number;
    /** `[users + 1]` */
    readonly offsets: Int32Array;
    readonly items: Int32Array;
  }): Graph {
    const { userCount, itemCount, offsets, items } = rows;
    const id = call((addon) => addon.graphCreate(userCount, itemCount, offsets, items));
    return new Graph(id, userCount, itemCount);
  }

  /** How many edges it has. Throws `E_DISPOSED` after {@link dispose}. */
  get edges(): number {
    return call((addon) => addon.graphEdges(this.id));
  }

  /**
   * A graph of the same nodes that keeps each edge with probability `1 - rate`, weighed by its own degrees (Wu et al.,
   * SGL, SIGIR 2021, Eq. 8). Same seed and stream: same edges.
   * @param rate In `[0, 1)`.
   * @throws Llama4RecError `E_ARGUMENT` for another rate, `E_DISPOSED` after {@link dispose}.
   */
  dropEdges(rate: number, seed: number, stream: number): Graph {
    const id = call((addon) => addon.graphDropEdges(this.id, rate, seed, stream));
    return new Graph(id, this.userCount, this.itemCount);
  }

  /** Gives the native memory back; calling it twice is fine. */
  dispose(): void {
    call((addon) => addon.graphRelease(this.id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
