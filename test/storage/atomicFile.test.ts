import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { Llama4RecError } from "../../lib/native/errors.js";
import { replaceFile } from "../../lib/storage/atomicFile.js";
import { folderOf } from "../datasets/temporary.js";
import { ageLeftovers } from "./leftovers.js";

const text = (words: string): Buffer[] => [Buffer.from(words)];
const contentOf = (path: string): string => readFileSync(path, "utf8");
const helper = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));
const notWritten = { instanceOf: Llama4RecError, code: "E_FILE", message: /cannot write/ };

/** Another process in the middle of writing `path`, and the name under which it writes. */
async function stuckWriter(t: ExecutionContext, folder: string, path: string) {
  const before = readdirSync(folder);
  const child = spawn(process.execPath, [helper("stuckWriter"), path]);
  t.teardown(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const [name] = readdirSync(folder).filter((found) => !before.includes(found));
  const kill = async (): Promise<void> => {
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  return { name, pid: child.pid ?? 0, kill };
}

test("parts are written one after the other; a new file, then in place of the old one", async (t) => {
  const folder = folderOf(t, {});
  const path = join(folder, "file");
  await replaceFile(path, [...text("one "), Buffer.alloc(0), ...text("two")]);
  t.is(contentOf(path), "one two");
  await replaceFile(path, []);
  t.is(contentOf(path), "");
  t.deepEqual(readdirSync(folder), ["file"]);
});

test("a failed write leaves nothing behind, and the old file as it was", async (t) => {
  const folder = folderOf(t, { file: "old", "taken/inside": "", "empty/.keep": "" });
  mkdirSync(join(folder, "bare"));
  const before = readdirSync(folder);
  await t.throwsAsync(replaceFile(join(folder, "no folder", "file"), text("x")), notWritten);
  for (const name of ["taken", "bare"])
    await t.throwsAsync(replaceFile(join(folder, name), text("x")), notWritten);
  await t.throwsAsync(replaceFile(join(folder, "file", "below a file"), text("x")), notWritten);
  function* failing(): Generator<Uint8Array> {
    yield Buffer.alloc(1_000_000);
    throw new Error("out of luck");
  }
  await t.throwsAsync(replaceFile(join(folder, "file"), failing()), {
    code: "E_FILE",
    message: /out of luck/,
  });
  t.is(contentOf(join(folder, "file")), "old");
  t.deepEqual(readdirSync(folder), before);
});

test("the last word before the rename comes when all is written, and can stop it", async (t) => {
  const folder = folderOf(t, { file: "old" });
  const path = join(folder, "file");
  await replaceFile(path, text("new"), () => {
    t.is(contentOf(path), "old");
    const [temporary] = readdirSync(folder).filter((name) => name !== "file");
    t.is(contentOf(join(folder, temporary)), "new");
  });
  t.is(contentOf(path), "new");
  const stop = (): void => {
    throw new Error("no longer wanted");
  };
  const stopped = { code: "E_FILE", message: /no longer wanted/ };
  await t.throwsAsync(replaceFile(path, text("newer"), stop), stopped);
  t.is(contentOf(path), "new");
  t.deepEqual(readdirSync(folder), ["file"]);
});

const posix = process.platform === "win32" ? test.skip : test;
posix("a disk that takes no more leaves nothing behind, and the old file as it was", (t) => {
  const folder = folderOf(t, { file: "old" });
  const path = join(folder, "file");
  const limited = 'ulimit -f 100 && exec "$0" "$@"';
  const said = execFileSync("sh", ["-c", limited, process.execPath, helper("fullDisk"), path], {
    encoding: "utf8",
  });
  t.regex(said, /^E_FILE cannot write .*EFBIG/);
  t.is(contentOf(path), "old");
  t.deepEqual(readdirSync(folder), ["file"]);
});

test("writers of one path do not disturb each other, in this process or another", async (t) => {
  const folder = folderOf(t, {});
  const path = join(folder, "file");
  const other = await stuckWriter(t, folder, path);
  await Promise.all(Array.from({ length: 20 }, (_, i) => replaceFile(path, text(`writer ${i}`))));
  t.regex(contentOf(path), /^writer \d+$/);
  t.deepEqual(readdirSync(folder).sort(), ["file", other.name], "it still lives");
  t.is(contentOf(join(folder, other.name)), "half of ");
});

test("what a killed writer left is removed by the next one, and nothing else", async (t) => {
  const own = ["file.tmp", "file.1.tmp", "file.backup.tmp", "other.tmp"];
  const folder = folderOf(t, Object.fromEntries(own.map((name) => [name, "mine"])));
  const path = join(folder, "file");
  const writer = await stuckWriter(t, folder, path);
  const others = await stuckWriter(t, folder, join(folder, "file.2"));
  await writer.kill();
  await others.kill();
  await replaceFile(path, text("new"));
  t.true(readdirSync(folder).includes(writer.name), "a writer in another container is not seen either");
  ageLeftovers(folder);
  await replaceFile(path, text("new"));
  t.deepEqual(readdirSync(folder).sort(), [...own, "file", others.name].sort());
});

test("in doubt a writer lives: another machine's, or one with this process's id", async (t) => {
  const folder = folderOf(t, {});
  const path = join(folder, "file");
  const writer = await stuckWriter(t, folder, path);
  await writer.kill();
  const [host] = writer.name.split(".")[1].split("-");
  const elsewhere = writer.name.replace(host, host === "00000000" ? "11111111" : "00000000");
  const same = writer.name.replace(`-${writer.pid}-`, `-${process.pid}-`);
  renameSync(join(folder, writer.name), join(folder, elsewhere));
  writeFileSync(join(folder, same), "of another thread");

  await replaceFile(path, text("new"));
  t.deepEqual(readdirSync(folder).sort(), ["file", elsewhere, same].sort());
  const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1000);
  const sinceStart = process.uptime();
  utimesSync(join(folder, same), ago(sinceStart + 600), ago(sinceStart + 600));
  utimesSync(join(folder, elsewhere), ago(3600), ago(3600));
  await replaceFile(path, text("new"));
  t.deepEqual(readdirSync(folder).sort(), ["file", elsewhere].sort(), "written before this process began");
  utimesSync(join(folder, elsewhere), ago(25 * 3600), ago(25 * 3600));
  await replaceFile(path, text("new"));
  t.deepEqual(readdirSync(folder), ["file"], "not written to for a day");
});
