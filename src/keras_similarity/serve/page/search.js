// Searching by id, by text, and by an image that is chosen or dropped.

import { byId, make, say } from "./dom.js";
import { wholeNumber } from "./json.js";
import { chooseItem, findNeighbors } from "./neighbors.js";
import { pictureOf } from "./previews.js";
import { state } from "./state.js";

const MOST_BYTES = 7_000_000; // a third more in base64, and the server takes ten million

export function setUpSearch(attempt) {
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => searchWords(byId("words").value.trim(), byId("kind").value));
  });
  byId("image").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) attempt(() => searchImage(file));
    event.target.value = "";
  });
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
  }
  for (const name of ["dragleave", "drop", "dragend"]) {
    document.addEventListener(name, () => document.body.classList.remove("dropping"));
  }
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const file = [...event.dataTransfer.files].find((dropped) => dropped.type.startsWith("image/"));
    if (file) attempt(() => searchImage(file));
    else say("Drop an image file: a PNG, a JPEG or a WebP.");
  });
}

export function offerSearches(encoder) {
  const images = encoder === "image" || encoder === "loading";
  const texts = encoder === "text" || encoder === "loading";
  byId("image").disabled = !images;
  byId("image").parentElement.hidden = !images;
  byId("kind").querySelector("[value=text]").disabled = !texts;
  if (texts && encoder === "text") byId("kind").value = "text";
  else if (!texts) byId("kind").value = "id";
}

async function searchWords(words, kind) {
  if (kind === "text") return findNeighbors({ text: words }, `“${words}”`);
  const number = /^-?\d{1,19}$/.test(words) ? wholeNumber(words) : null;
  try {
    return await chooseItem(number ?? words);
  } catch (error) {
    if (number === null || error.status !== 404) throw error;
    return chooseItem(words); // ids may be strings of digits
  }
}

async function searchImage(file) {
  if (!state.about.encoder) return say("This server has no model for images: start it with --encoder.");
  if (file.size > MOST_BYTES) return say("This image is too large: scale it to less than 7 MB.");
  const address = await read(file);
  const picture = make("span", { className: "preview" }, pictureOf(file, "The image asked for"));
  return findNeighbors({ image: address.slice(address.indexOf(",") + 1) }, file.name, picture);
}

function read(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}
