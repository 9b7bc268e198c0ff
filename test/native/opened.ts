/** A process of its own: prints what a catalogue's file gives for some queries, scores bit for bit. */
import { cpuInfo } from "../../lib/native/addon.js";
import { openCatalogue } from "../../lib/storage/catalogueFile.js";
import { answers } from "./answers.js";

const [path, map] = process.argv.slice(2);
using catalogue = await openCatalogue(path, { map: map === "map" });
console.log(JSON.stringify({ level: cpuInfo().level, answers: answers(catalogue) }));
