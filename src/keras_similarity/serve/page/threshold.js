// How near is near enough: a threshold, what it achieves, and what would become "unknown".

import { ask, indexPath } from "./api.js";
import { curveDrawing, curveKey } from "./curve.js";
import { byId, count, labelText, make, short } from "./dom.js";
import { write } from "./json.js";
import { setMarks } from "./map.js";
import { labelOf, state } from "./state.js";

const STEPS = 1000;
const MOST_LABELS = 12;
let shownFor = null;

export function emptyThreshold() {
  shownFor = null;
  byId("threshold").replaceChildren();
}

export async function openThreshold() {
  const { index, about } = state;
  const { map, calibrated } = await ask(indexPath(index, "/map")); // it may be calibrated since, or anew
  const curves = calibrated && map === about.map ? await ask(indexPath(index, "/calibration")) : null;
  if (state.about !== about) return;
  const wanted = `${about.map} ${write(curves)}`;
  if (shownFor === wanted) return;
  shownFor = wanted;
  const panel = byId("threshold");
  if (curves === null) {
    const how = calibrated
      ? "There is another map now: draw it anew."
      : "This index is not calibrated. Make thresholds with: keras-similarity calibrate";
    panel.replaceChildren(make("h2", {}, "Unknown"), make("p", {}, how));
    return;
  }
  panel.replaceChildren(make("h2", {}, "Unknown"), make("p", {}, "Each item is being decided on by its neighbours…"));
  try {
    const decided = await ask(indexPath(index, "/map/decisions"));
    if (shownFor === wanted && decided.map === about.map) show(curves, decided.items);
  } catch (error) {
    shownFor = null;
    throw error;
  }
}

function show(about, items) {
  const { distance: distances, ...curves } = about.thresholds;
  delete curves.value; // the calibration metric, which is there by its name too
  const far = items.reduce((most, item) => Math.max(most, item.distance ?? 0), distances.at(-1));
  const domain = [0, far];
  const { picture, point } = curveDrawing(distances, curves, domain);
  const told = make("div", { id: "told" });
  const slider = make("input", {
    id: "slider", type: "range", min: 0, max: STEPS, step: 1, oninput: () => use((slider.value / STEPS) * far),
  });
  const use = (threshold) => {
    slider.value = Math.round((threshold / far) * STEPS);
    slider.setAttribute("aria-valuetext", `distance ${short(threshold)}`);
    point(threshold);
    told.replaceChildren(...tell(threshold, distances, curves, items));
    setMarks("unknown", items.filter((item) => isUnknown(item, threshold)));
  };
  const cutpoints = about.cutpoints.map((cutpoint) =>
    make("button", { onclick: () => use(cutpoint.distance) }, `${cutpoint.name}${cutpoint.target ? ` (${cutpoint.target})` : ""}`),
  );
  byId("threshold").replaceChildren(
    make("h2", {}, "Unknown"),
    make("p", { className: "hint" }, `Nearer than the threshold is known, in ${about.distance} distance of ${about.k} neighbour${about.k > 1 ? "s" : ""}.`),
    make("ul", { className: "key" }, ...curveKey(Object.keys(curves)).map((parts) => make("li", {}, ...parts))),
    picture,
    make("p", { className: "ends" }, make("span", {}, "0"), make("span", {}, "distance; height is 0 to 1"), make("span", {}, short(far))),
    make("label", { htmlFor: "slider" }, "Threshold"),
    slider,
    make("p", { className: "buttons" }, ...cutpoints),
    told,
  );
  use(about.cutpoints.find((cutpoint) => cutpoint.name === "optimal").distance);
}

const isUnknown = (item, threshold) => item.distance === null || item.distance > threshold;

function tell(threshold, distances, curves, items) {
  const place = distances.findLastIndex((distance) => distance <= threshold);
  const achieved = Object.keys(curves).map((name) => `${name} ${place < 0 ? "–" : short(curves[name][place])}`);
  const unknown = items.filter((item) => isUnknown(item, threshold));
  const right = items.filter((item) => !isUnknown(item, threshold) && item.right).length;
  const wrong = items.length - unknown.length - right;
  const share = ((100 * unknown.length) / Math.max(1, items.length)).toFixed(1);
  const of = items.length < state.about.size ? ` (a sample of ${count(state.about.size)})` : "";
  return [
    make("p", {}, `At distance ${short(threshold)}: ${achieved.join(", ")}.`),
    make(
      "p",
      { role: "status" },
      `Of ${count(items.length)} items${of}, ${count(unknown.length)} (${share} %) would be unknown, marked × on the map; ` +
        `${count(right)} get their own label and ${count(wrong)} another.`,
    ),
    perLabel(unknown, items),
  ];
}

function perLabel(unknown, items) {
  const totals = tally(items);
  const counts = [...tally(unknown)].sort((one, two) => two[1] - one[1]).slice(0, MOST_LABELS);
  if (!counts.length) return make("p", {}, "No label loses items.");
  const rows = counts.map(([code, number]) =>
    make("tr", {}, make("th", { scope: "row" }, labelText(labelOf(code))), make("td", {}, `${number} of ${totals.get(code)}`)),
  );
  return make("table", {}, make("caption", {}, "Labels that lose most"), make("tbody", {}, ...rows));
}

function tally(items) {
  const counts = new Map();
  for (const item of items) counts.set(item.code, (counts.get(item.code) ?? 0) + 1);
  return counts;
}
