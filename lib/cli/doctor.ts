import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import pc from "picocolors";
import { resolveDataFolder } from "../data/open.js";
import { embeddedModel } from "../llm/embedded.js";
import { type CudaInfo, cpuInfo, cudaInfo, threads } from "../native/addon.js";
import { describe, Llama4RecError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";

/** One line of the doctor's report. */
interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** What was found and what is used. */
  readonly found: string;
  /** Why, or what to do about it. */
  readonly why: string;
}

/** `llama4rec doctor`: what was found, what is used and why. */
export async function doctor(options: { readonly data?: string; readonly json?: boolean }): Promise<void> {
  const cuda = gpus();
  const findings = [node(), engine(), gpu(cuda), embedded(), await llamaCpp(), dataFolder(options.data)];
  if (options.json) {
    console.log(JSON.stringify({ version: packageVersion(), findings, cuda }, null, 2));
    return;
  }
  console.log(pc.bold(`llama4rec ${packageVersion()}`));
  for (const { name, ok, found, why } of findings)
    console.log(
      `${ok ? pc.green("✔") : pc.yellow("–")} ${pc.bold(name.padEnd(16))} ${found}\n${" ".repeat(19)}${pc.dim(why)}`,
    );
}

function node(): Finding {
  return {
    name: "Node",
    ok: true,
    found: `${process.version}, ${process.platform} ${process.arch}`,
    why: `Node-API ${process.versions.napi}; the engine asks for 8`,
  };
}

function engine(): Finding {
  try {
    const { level, available, processors } = cpuInfo();
    const forced = process.env.LLAMA4REC_CPU;
    const pool = process.env.LLAMA4REC_THREADS;
    return {
      name: "native engine",
      ok: true,
      found: `CPU level ${level}, ${threads()} threads on ${processors} processors`,
      why:
        `available levels: ${available.join(", ")}; ` +
        (forced
          ? `LLAMA4REC_CPU asks for ${forced}`
          : "the strongest is used; LLAMA4REC_CPU forces another") +
        `; ${pool ? `LLAMA4REC_THREADS asks for ${pool}` : "one thread a processor; LLAMA4REC_THREADS or --threads sets another number"}`,
    };
  } catch (error) {
    if (!(error instanceof Llama4RecError)) throw error;
    return { name: "native engine", ok: false, found: "not usable", why: error.message };
  }
}

function gpus(): CudaInfo {
  try {
    return cudaInfo();
  } catch (error) {
    if (!(error instanceof Llama4RecError)) throw error;
    return { available: false, reason: error.message, devices: [] };
  }
}

function gpu({ available, reason, devices }: CudaInfo): Finding {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  return {
    name: "GPU",
    ok: available,
    found: available
      ? devices
          .map(({ name, memory, free }) => `${name}, ${gigabytes(free)} of ${gigabytes(memory)} free`)
          .join("; ")
      : "not used",
    why: available
      ? 'kernels run on it where device: "cuda" asks for it; everything else runs on the CPU'
      : `${reason}; everything runs on the CPU`,
  };
}

function embedded(): Finding {
  const name = "embedded model";
  const model = embeddedModel();
  if (model === null)
    return {
      name,
      ok: false,
      found: "not in this package",
      why: "without it and --llm the language side is off; llama4rec tune makes one",
    };
  const file = readFileSync(model.modelPath);
  const intact = createHash("sha256").update(file).digest("hex") === model.sha256;
  return {
    name,
    ok: intact,
    found: `${model.name}, ${(file.length / 1e6).toFixed(1)} MB${intact ? "" : ", changed since it was packed"}`,
    why: "a pocket Llama tuned on the demonstration shop, which is what it is used for; run by the native engine",
  };
}

async function llamaCpp(): Promise<Finding> {
  const name = "node-llama-cpp";
  try {
    const { getLlamaGpuTypes } = await import("node-llama-cpp");
    const gpus = (await getLlamaGpuTypes("supported")).map((type) => (type === false ? "CPU" : type));
    return {
      name,
      ok: true,
      found: `found, runs on ${gpus.join(", ")}`,
      why: "runs GGUF files (--llm file.gguf) that the native engine does not, on the CPU",
    };
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    return {
      name,
      ok: false,
      found: missing ? "not installed" : "does not load",
      why: missing
        ? "optional: npm install node-llama-cpp runs GGUF files that the native engine does not"
        : error instanceof Error
          ? error.message
          : describe(error),
    };
  }
}

function dataFolder(parameter?: string): Finding {
  const folder = resolveDataFolder(parameter);
  const source = parameter
    ? "from --data"
    : process.env.LLAMA4REC_DATA
      ? "from LLAMA4REC_DATA"
      : "the default; --data or LLAMA4REC_DATA set another";
  const why = `${source}; without data the embedded demonstration shop is used`;
  try {
    const names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
    return { name: "data folder", ok: true, found: `${folder}: ${names.join(", ") || "no folders"}`, why };
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const fault = missing ? "not there" : error instanceof Error ? error.message : describe(error);
    return { name: "data folder", ok: false, found: `${folder}: ${fault}`, why };
  }
}
