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

export const forgetPreviews = () => kept.clear();

// A file's address lasts until it is read, so that nothing has to remember it.
export function pictureOf(file, alt) {
  const picture = make("img", { src: URL.createObjectURL(file), alt });
  picture.onload = picture.onerror = () => URL.revokeObjectURL(picture.src);
  return picture;
}

async function show(frame, file) {
  if (file === null) return;
  if (file.type.startsWith("image/")) frame.append(pictureOf(file, ""));
  else frame.append(make("q", {}, await file.text()));
}

function load(path) {
  if (!kept.has(path)) {
    kept.set(path, askFile(path));
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  }
  return kept.get(path);
}
