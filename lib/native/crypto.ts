/** `node:crypto`, loaded at its first use: that takes as long as all else that opening a catalogue needs. */
export const crypto = (): typeof import("node:crypto") => process.getBuiltinModule("node:crypto");
