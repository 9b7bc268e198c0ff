import type { Llama } from "node-llama-cpp";
import { Llama4RecError } from "../native/errors.js";

/** llama.cpp as node-llama-cpp binds it, for one kind of device. */
export interface LlamaRuntime {
  readonly llama: Llama;
  /** Version of node-llama-cpp, hence of llama.cpp. */
  readonly version: string;
  /** The last lines llama.cpp logged as errors, newest last. */
  readonly errors: string[];
}

const KEPT_ERRORS = 3;
const runtimes = new Map<false | "auto", Promise<LlamaRuntime>>();

/**
 * The process-wide runtime for a kind of device, started on first use and kept: a start costs most of a second, and
 * llama.cpp's backends and logger are process-wide anyway.
 *
 * @throws Llama4RecError `E_DEPENDENCY` if node-llama-cpp or its binary for the device is missing.
 */
export function llamaRuntime(gpu: false | "auto"): Promise<LlamaRuntime> {
  const known = runtimes.get(gpu);
  if (known) return known;
  const started = start(gpu);
  runtimes.set(gpu, started);
  started.catch(() => runtimes.delete(gpu));
  return started;
}

async function start(gpu: false | "auto"): Promise<LlamaRuntime> {
  const { getLlama, getModuleVersion, LlamaLogLevel } = await importNodeLlamaCpp();
  const errors: string[] = [];
  const logger = (_level: unknown, message: string): void => {
    errors.push(message.trim());
    if (errors.length > KEPT_ERRORS) errors.shift();
  };
  try {
    // maxThreads 0: a context then runs on exactly the threads it names, however many others run beside it. The default
    // shares four spinning threads among them.
    const options = { gpu, build: "never", logLevel: LlamaLogLevel.error, logger, maxThreads: 0 } as const;
    const [llama, version] = await Promise.all([getLlama(options), getModuleVersion()]);
    return { llama, version, errors };
  } catch (cause) {
    throw new Llama4RecError(
      "E_DEPENDENCY",
      `node-llama-cpp: expected its prebuilt binary for this machine (gpu: ${gpu}), got: ${cause}. ` +
        "Reinstall it with its optional dependencies: npm install --include=optional node-llama-cpp",
      { cause },
    );
  }
}

async function importNodeLlamaCpp(): Promise<typeof import("node-llama-cpp")> {
  try {
    return await import("node-llama-cpp");
  } catch (cause) {
    throw new Llama4RecError(
      "E_DEPENDENCY",
      "node-llama-cpp: expected the optional package to be installed, got none. " +
        "Running a GGUF needs it: npm install node-llama-cpp",
      { cause },
    );
  }
}
