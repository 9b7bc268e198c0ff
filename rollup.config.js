/**
 * Bundles dist/lib, as the compiler wrote it, into dist/bundle, which is what the package's exports name: four files to
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
  "models/conformance",
  "cli/main",
  "training/workerThread",
  "llm/tuning/thread",
  "llm/pocket/passThread",
];

/** One file each: what these entries reach and those before them do not. The rest of an entry is in its own file. */
const shared = [
  ["serving", "core"],
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

/** Modules that each of the shared files may hold. */
const members = new Map();

function sharedFile(id, { getModuleInfo }) {
  for (const [entry, name] of shared) {
    if (!members.has(name)) members.set(name, reach(file(entry), getModuleInfo, new Set()));
    if (id !== file(entry) && members.get(name).has(id)) return name;
  }
  return null;
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

export default {
  input: Object.fromEntries(entries.map((name) => [name, file(name)])),
  external: (id) => !/^[./]/.test(id),
  context: "globalThis", // of the compiler's helper for `using`
  plugins: [urls],
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
