/**
 * Bundles dist/lib, as the compiler wrote it, into dist/bundle, which is what the package's exports name: five files to
 * load instead of 270, since Node takes about half a millisecond a module whatever is in it.
 */
import { dirname, relative, resolve } from "node:path/posix";

const lib = `${import.meta.dirname}/dist/lib`;
const file = (name) => resolve(lib, `${name}.js`);

/** The package's exports, its command, and the modules that worker threads run. */
const entries = [
  "index",
  "llm/llamaCpp",
  "kernels/index",
  "serving",
  "http/index",
  "models/conformance",
  "cli/main",
  "training/workerThread",
  "llm/tuning/thread",
  "llm/pocket/passThread",
];

/**
 * What the package's main entry reaches lies in one file for each of these: all that this entry reaches and those before it
 * do not. Anything else is in the file of its own entry.
 */
const shared = [
  ["kernels/index", "core"],
  ["serving", "serving"],
  ["cli/main", "names"],
  ["training/workerThread", "training"],
  ["index", "library"],
];

/** Adds a module and all that it imports statically to what was found. */
function reach(id, infoOf, found) {
  if (!id.startsWith(lib) || found.has(id)) return found;
  found.add(id);
  for (const imported of infoOf(id).importedIds) reach(imported, infoOf, found);
  return found;
}

/** What each entry reaches. */
const members = new Map();

function sharedFile(id, { getModuleInfo }) {
  const reaches = (entry) => {
    if (!members.has(entry)) members.set(entry, reach(file(entry), getModuleInfo, new Set()));
    return id !== file(entry) && members.get(entry).has(id);
  };
  return reaches("index") ? shared.find(([entry]) => reaches(entry))[1] : null;
}

/**
 * `import.meta.url` of a module is where it would be if dist/bundle held what dist/lib holds: paths to the package's own
 * files and to the modules of worker threads, which are entries, stay right.
 */
const urls = {
  name: "urls",
  resolveImportMeta(property, { chunkId, moduleId }) {
    if (property !== "url") return null;
    const path = relative(resolve("/", dirname(chunkId)), resolve("/", relative(lib, moduleId)));
    return `new URL(${JSON.stringify(path)}, import.meta.url).href`;
  },
};

/** Writes letters beyond ASCII as escapes: with one of them Node takes ten milliseconds more to read 650 kB. */
const ascii = {
  name: "ascii",
  renderChunk: (code) =>
    code.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
};

export default {
  input: Object.fromEntries(entries.map((name) => [name, file(name)])),
  external: (id) => !/^[./]/.test(id),
  context: "globalThis", // of the compiler's helper for `using`
  plugins: [urls, ascii],
  output: {
    dir: "dist/bundle",
    chunkFileNames: "shared/[name].js",
    minifyInternalExports: false,
    manualChunks: sharedFile,
  },
  onwarn(warning) {
    throw new Error(warning.message);
  },
};
