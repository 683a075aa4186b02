// What lies nearest to an item, an image or a text.

import { ask, indexPath } from "./api.js";
import { byId, labelText, make, say, short } from "./dom.js";
import { tell } from "./events.js";
import { setMarks } from "./map.js";
import { previewOf } from "./previews.js";
import { state } from "./state.js";
import { showPanel } from "./tabs.js";

let newest = 0;

export async function findNeighbors(query, name, picture = null) {
  const turn = ++newest;
  const k = Math.min(100, Math.max(1, Number(byId("k").value) || 12));
  const { results } = await ask(indexPath(state.index, "/query"), { ...query, k, include: [] });
  const own = "id" in query ? [query.id] : [];
  const ids = [...own, ...results[0].map((found) => found.id)];
  const { items } = await ask(indexPath(state.index, "/map/locate"), { map: state.about.map, ids });
  if (turn !== newest) return; // somebody has asked for something else
  setMarks("query", items.slice(0, own.length).filter(Boolean));
  setMarks("neighbour", items.slice(own.length).filter(Boolean));
  show(results[0], name, picture ?? (own.length ? previewOf(state.index, own[0]) : null));
  showPanel("neighbors");
  say(`${results[0].length} neighbours of ${name}, the nearest ${results[0].length ? labelText(results[0][0].label) : "none"}`);
}

export function chooseItem(id) {
  return findNeighbors({ id }, `item ${id}`);
}

export async function choosePoint(row) {
  const { items } = await ask(indexPath(state.index, "/map/items"), { map: state.about.map, rows: [row] });
  return chooseItem(items[0].id);
}

function show(found, name, picture) {
  const title = make("h2", {}, `Neighbours of ${name}`);
  const list = make("ol", { className: "cards" }, ...found.map(card));
  const empty = found.length ? [] : [make("p", {}, "There are none.")];
  byId("neighbors").replaceChildren(title, ...(picture ? [make("p", { className: "asked" }, picture)] : []), ...empty, list);
}

function card(found) {
  const text = make(
    "span",
    { className: "about" },
    make("strong", {}, labelText(found.label)),
    make("span", {}, `id ${found.id}`),
    make("span", {}, `distance ${short(found.distance)}`),
  );
  const choose = () => tell("item chosen", found.id);
  return make("li", {}, make("button", { className: "card", onclick: choose }, previewOf(state.index, found.id), text));
}

export function emptyNeighbors() {
  newest++;
  const hint = "Click a point, search for an id, or drop an image here: what is nearest to it is listed here.";
  byId("neighbors").replaceChildren(make("h2", {}, "Neighbours"), make("p", {}, hint));
}
