// Brings the parts together: which index, its map, and more of it where somebody looks closer.

import { ask, indexPath, Refused, whenKeyIsNeeded } from "./api.js";
import { setUpControls } from "./controls.js";
import { byId, count, make, say } from "./dom.js";
import { on } from "./events.js";
import { groupsOf } from "./groups.js";
import { askForKey } from "./key.js";
import { showLegend } from "./legend.js";
import { drawMap, rectangle } from "./map.js";
import { chooseItem, choosePoint, emptyNeighbors } from "./neighbors.js";
import { fetchPoints } from "./points.js";
import { forgetPreviews } from "./previews.js";
import { showReview } from "./review.js";
import { offerSearches, setUpSearch } from "./search.js";
import { emptySelection, selectInside } from "./selection.js";
import { state } from "./state.js";
import { setUpTabs } from "./tabs.js";
import { emptyThreshold, openThreshold } from "./threshold.js";

const REST_MS = 250; // that a view stays before more of it is fetched
const AROUND = 0.5; // of a view, fetched on each side of it

const plotlyReady = new Promise((ready) => {
  if (globalThis.Plotly) ready();
  else byId("plotly").addEventListener("load", ready);
});

// Runs what may be refused, and says why.
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    byId("enter").hidden = error.status !== 401;
    say(error.message);
  }
}

async function openIndex(name, renew = false) {
  state.index = name;
  say("The map is being made…");
  const about = await ask(indexPath(name, `/map${renew ? "?renew=true" : ""}`));
  const points = await fetchPoints(name, about.map);
  if (state.index !== name) return;
  Object.assign(state, { about, ...groupsOf(about) });
  document.title = `${name} – Explorer`;
  forgetPreviews();
  emptyNeighbors();
  emptySelection();
  emptyThreshold();
  showReview(attempt);
  offerSearches(about.encoder);
  showLegend(state.groups);
  await plotlyReady;
  await drawMap(about, points, state);
  tellDrawn(points);
  byId("renew").hidden = about.current;
  say(about.size ? `${name}: ${count(about.size)} items, ${count(about.labels.length)} labels` : `${name} is empty`);
}

function tellDrawn({ size, total }) {
  byId("drawn").textContent = size < total ? `${count(size)} of ${count(total)} drawn` : `${count(size)} drawn`;
}

let resting = 0;
let closer = false; // whether what is drawn is more than the overview

on("view changed", () => {
  clearTimeout(resting);
  if (state.about.drawn < state.about.size) resting = setTimeout(() => attempt(lookCloser), REST_MS);
});

async function lookCloser() {
  const { about, index } = state;
  const view = rectangle();
  const [x0, y0, x1, y1] = view;
  const [left, bottom, right, top] = about.bounds;
  const whole = x0 <= left && y0 <= bottom && x1 >= right && y1 >= top;
  if (whole && !closer) return;
  const [width, height] = [(x1 - x0) * AROUND, (y1 - y0) * AROUND];
  const points = await fetchPoints(index, about.map, whole ? null : [x0 - width, y0 - height, x1 + width, y1 + height]);
  if (state.about !== about || String(rectangle()) !== String(view)) return; // the view has moved on
  closer = !whole;
  await drawMap(about, points, state);
  tellDrawn(points);
}

on("point chosen", (row) => attempt(() => choosePoint(row)));
on("item chosen", (id) => attempt(() => chooseItem(id)));
on("outline drawn", (polygon) => attempt(() => selectInside(polygon)));
on("index changed", () => (byId("renew").hidden = false));

async function start() {
  whenKeyIsNeeded(askForKey);
  setUpTabs((name) => name === "threshold" && attempt(openThreshold));
  setUpControls();
  setUpSearch(attempt);
  byId("renew").onclick = () => attempt(() => openIndex(state.index, true));
  byId("enter").onclick = () => attempt(listIndexes);
  await listIndexes();
}

async function listIndexes() {
  const { indexes } = await ask("/v1/indexes");
  byId("enter").hidden = true;
  const choice = byId("index");
  choice.replaceChildren(...indexes.map(({ name }) => make("option", { value: name }, name)));
  choice.onchange = () => attempt(() => openIndex(choice.value));
  if (indexes.length) await openIndex(choice.value);
  else say("This server has no index.");
}

attempt(start);
