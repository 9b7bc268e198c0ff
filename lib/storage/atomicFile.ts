import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, Llama4RecError } from "../native/errors.js";
import { sha256Of } from "./blocks.js";

/** This machine in the names of files that are being written: a process id means nothing on another one. */
const machine = (): string => sha256Of([Buffer.from(hostname())]).slice(0, 8);
/** What stands between a file's path and ".tmp" while it is written. */
const writerMark = /^(?<host>[0-9a-f]{8})-(?<pid>\d+)-[0-9a-f]{12}$/;
/** A file not written to for this long has no writer, whatever its name says, in milliseconds. */
const longestPause = 24 * 60 * 60 * 1000;
/** A file written to in this time has one, even if no process is seen: it may be in another container. In milliseconds. */
const shortestPause = 5 * 60 * 1000;
/** Coarsest time stamps of common file systems, in milliseconds. */
const stampGrain = 2000;

/**
 * Replaces a file as a whole: a new name in the same folder, fsync, rename, fsync of the folder. Whoever reads sees the
 * old file or the new one, also after a kill or a power cut; of several writers the last one stays. What killed writers
 * left behind is removed some minutes later. A symbolic link is replaced, not followed.
 * @param parts The new content, each part in one write where the system can, not copied: do not change it before the promise
 *   settles, but that a part is done with when the next one is asked for.
 * @param commit Called when all is written, just before the rename, with the name that the new file still has: what it throws
 *   leaves the old file there.
 * @throws Llama4RecError `E_FILE` when it cannot be written: nothing is left behind, and up to the rename the old file
 *   is as it was. What `commit` throws is `E_FILE` too, unless it is a Llama4RecError.
 */
export async function replaceFile(
  path: string,
  parts: Iterable<Uint8Array>,
  commit: (written: string) => void = () => {},
): Promise<void> {
  const temporary = `${path}.${machine()}-${process.pid}-${process.getBuiltinModule("node:crypto").randomBytes(6).toString("hex")}.tmp`;
  try {
    await removeLeftovers(path);
    await writeNew(temporary, parts);
    commit(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    if (cause instanceof Llama4RecError) throw cause;
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `cannot write ${path}: ${reason}`, { cause });
  }
}

async function writeNew(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx");
  try {
    for (const part of parts)
      for (let done = 0; done < part.length; )
        done += (await file.write(part, done, part.length - done)).bytesWritten;
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename durable. Windows cannot open a folder, and journals the rename itself. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes what killed writers of `path` left behind, as far as that is possible: it only costs space. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || !name.endsWith(".tmp")) continue;
    const writer = writerMark.exec(name.slice(prefix.length, -".tmp".length))?.groups;
    if (writer === undefined) continue; // no file of ours
    const leftover = join(dirname(path), name);
    try {
      const { mtimeMs } = await stat(leftover);
      if (isStale(writer.host, Number(writer.pid), mtimeMs)) await rm(leftover, { force: true });
    } catch {
      // Its writer was faster, or the folder forbids it.
    }
  }
}

/** Whether the writer of a file is plainly gone; in doubt it is not. */
function isStale(host: string, pid: number, writtenAt: number): boolean {
  const now = Date.now();
  if (now - writtenAt > longestPause) return true;
  if (host !== machine() || now - writtenAt < shortestPause) return false;
  // Another thread of this process may be writing, but no file of it is older than the process: then it belongs to
  // one that had this id before, as the first process of a container always has.
  if (pid === process.pid) return writtenAt < now - process.uptime() * 1000 - stampGrain;
  return !isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
