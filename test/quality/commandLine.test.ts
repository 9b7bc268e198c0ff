import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";

/** What the program says of options that it refuses before it opens anything. */
async function refusal(...options: string[]): Promise<string> {
  const args = ["dist/benchmarks/quality/main.js", ...options, "--data", "no/such/folder"];
  const error: unknown = await promisify(execFile)(process.execPath, args).catch((cause: unknown) => cause);
  return error instanceof Error && "stderr" in error ? String(error.stderr) : "";
}

test("a hyper-parameter without a number is refused", async (t) => {
  for (const text of ["l2=", "l2", "=1", "l2=1=2", "l2=x"])
    t.regex(
      await refusal("backbone", "MF", "--set", text),
      /'--set <name=value>'.* expected name=number\./,
      text,
    );
});

test("what is no count of seeds is refused", async (t) => {
  for (const command of [["backbone", "MF"], ["backbones"]])
    for (const text of ["0", "1.5", "x"])
      t.regex(
        await refusal(...command, "--seeds", text),
        /'--seeds <n>'.* expected a whole number in 1\.\./,
        text,
      );
});
