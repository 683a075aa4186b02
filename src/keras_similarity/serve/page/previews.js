// Small pictures and texts of items.

import { askFile, itemPath } from "./api.js";
import { make } from "./dom.js";

const MOST_KEPT = 400;
const kept = new Map(); // path -> the file, the oldest first

export function previewOf(index, id) {
  const frame = make("span", { className: "preview" });
  load(itemPath(index, "previews", id)).then((file) => show(frame, file), () => {});
  return frame;
}

export function forgetPreviews() {
  for (const file of kept.values()) file.then((found) => found?.address && URL.revokeObjectURL(found.address), () => {});
  kept.clear();
}

async function show(frame, file) {
  if (file === null) return;
  if (file.address) frame.append(make("img", { src: file.address, alt: "" }));
  else frame.append(make("q", {}, file.text));
}

function load(path) {
  if (!kept.has(path)) {
    kept.set(path, read(path));
    if (kept.size > MOST_KEPT) {
      const [oldest, file] = kept.entries().next().value;
      kept.delete(oldest);
      file.then((found) => found?.address && URL.revokeObjectURL(found.address), () => {});
    }
  }
  return kept.get(path);
}

async function read(path) {
  const file = await askFile(path);
  if (file === null) return null;
  if (file.kind.startsWith("image/")) return { address: URL.createObjectURL(file.content) };
  return { text: await file.content.text() };
}
