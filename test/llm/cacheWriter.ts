// Writes `count` answers into the cache of `folder`, as a second process beside the test.
import { openAnswerCache } from "../../lib/llm/answerCache.js";

const [folder, name, count] = process.argv.slice(2);
const cache = openAnswerCache(folder);
for (let i = 0; i < Number(count); i++) await cache.put(`${name} ${i}`, `text ${i} of ${name}`);
process.stdout.write("written\n");
if (name === "killed") process.kill(process.pid, "SIGKILL");
await cache.close();
