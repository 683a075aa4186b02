// Items inside an outline: listed, and exported.

import { ask, indexPath } from "./api.js";
import { csvOf } from "./csv.js";
import { byId, count, labelText, make, say } from "./dom.js";
import { tell } from "./events.js";
import { write } from "./json.js";
import { clearOutline } from "./map.js";
import { hiddenCodes, state } from "./state.js";
import { showPanel } from "./tabs.js";

const MOST_LISTED = 200;

export async function selectInside(polygon) {
  const body = { map: state.about.map, polygon, hidden: hiddenCodes() };
  const found = await ask(indexPath(state.index, "/map/select"), body);
  show(found);
  showPanel("selection");
  say(`${count(found.total)} items selected`);
}

export function emptySelection() {
  const hint = "Draw a lasso around points, or select what is in view: the items inside are listed here, to be exported.";
  byId("selection").replaceChildren(make("h2", {}, "Selection"), make("p", {}, hint));
}

function clear() {
  emptySelection();
  clearOutline();
}

function show({ total, ids, labels }) {
  const rows = ids.map((id, place) => [id, labels[place]]);
  const buttons = make(
    "p",
    { className: "buttons" },
    make("button", { onclick: () => download("ids.csv", "text/csv", csvOf(["id", "label"], rows)) }, "Export CSV"),
    make("button", { onclick: () => download("ids.json", "application/json", asJson(rows)) }, "Export JSON"),
    make("button", { onclick: clear }, "Clear"),
  );
  const listed = rows.slice(0, MOST_LISTED).map(([id, label]) => line(id, label));
  const notes = [];
  if (total > ids.length) notes.push(`An export has the first ${count(ids.length)} of them.`);
  if (ids.length > MOST_LISTED) notes.push(`The first ${MOST_LISTED} are listed.`);
  byId("selection").replaceChildren(
    make("h2", {}, `${count(total)} selected`),
    buttons,
    make("p", { className: "hint" }, notes.join(" ")),
    make("ul", { className: "lines" }, ...listed),
  );
}

function line(id, label) {
  const choose = () => tell("item chosen", id);
  return make("li", {}, make("button", { onclick: choose }, make("span", {}, String(id)), make("small", {}, labelText(label))));
}

const asJson = (rows) => `[\n${rows.map(([id, label]) => ` ${write({ id, label })}`).join(",\n")}\n]\n`;

function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: address, download: `${state.index}-${name}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
