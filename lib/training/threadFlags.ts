/** Flags of a process that runs text instead of a file; a thread that inherits them may refuse to run a file. */
const ofText = /^(-[epi]|-pe|--eval|--print|--interactive|--input-type)(=|$)/;
/** Flags that say how modules are found, each with a value. */
const ofModules = /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions)(=|$)/;

/**
 * Flags for a thread of a process with those; undefined: it may inherit them. Where it may not, only those that modules
 * depend on are handed on, for of the others a thread refuses many when it is given them by name.
 */
export function threadFlags(flags: readonly string[]): string[] | undefined {
  if (!flags.some((flag) => ofText.test(flag))) return undefined;
  return flags.flatMap((flag, at) =>
    ofModules.test(flag) ? (flag.includes("=") ? [flag] : flags.slice(at, at + 2)) : [],
  );
}
