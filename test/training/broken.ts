/** A module that fails while it is loaded. */
throw new RangeError("not today");

export {};
