// The map: points drawn by plotly.js, and what lies on top of them.

import { byId } from "./dom.js";
import { on, tell } from "./events.js";
import { grouped } from "./points.js";
import { theme, whenThemeChanges } from "./theme.js";

const CONFIG = { displayModeBar: false, scrollZoom: true, responsive: true, doubleClick: false };
const SIZES = [[20000, 4], [4000, 5], [500, 7], [0, 9]]; // from so many points on, pixels
const MARGIN = 0.04;

let drawn = null; // about, groups, points, and those of each group
let dragMode = "pan";
let ranges = null;
const marks = { unknown: [], neighbour: [], query: [] }; // items on top, the last above the others
let shown = ["neighbour", "query"];

export function drawMap(about, points, { groups, groupOf }) {
  const fresh = drawn === null || drawn.about.map !== about.map;
  drawn = { about, groups, points, parts: grouped(points, groupOf, groups.length) };
  if (fresh) {
    for (const name of Object.keys(marks)) marks[name] = [];
    ranges = wholeRanges();
  }
  return render();
}

export function setMarks(name, items) {
  marks[name] = items;
  if (drawn && shown.includes(name)) render();
}

export function setDragMode(mode) {
  dragMode = mode;
  Plotly.relayout(byId("map"), { dragmode: mode }); // unlike react, it prepares points for a lasso
}

export function clearOutline() {
  Plotly.update(byId("map"), { selectedpoints: [null] }, { selections: [] });
}

export function zoom(factor) {
  setRanges(ranges.map(([low, high]) => {
    const middle = (low + high) / 2;
    return [middle + (low - middle) * factor, middle + (high - middle) * factor];
  }));
}

export function move(right, up) {
  setRanges(ranges.map(([low, high], axis) => {
    const step = (high - low) * [right, up][axis];
    return [low + step, high + step];
  }));
}

export const showWhole = () => setRanges(wholeRanges());

export function rectangle() {
  const [[x0, x1], [y0, y1]] = ranges;
  return [x0, y0, x1, y1];
}

function wholeRanges() {
  const [x0, y0, x1, y1] = drawn.about.bounds;
  const wide = (low, high) => [low - (high - low || 1) * MARGIN, high + (high - low || 1) * MARGIN];
  return [wide(x0, x1), wide(y0, y1)];
}

function setRanges(wanted) {
  ranges = wanted;
  render();
  tell("view changed");
}

function render() {
  const size = SIZES.find(([from]) => drawn.points.size >= from)[1];
  const onTop = Object.keys(marks).filter((name) => shown.includes(name) && marks[name].length);
  const traces = drawn.groups.map((group, number) => ({
    type: "scattergl",
    mode: "markers",
    x: drawn.parts[number].x,
    y: drawn.parts[number].y,
    visible: group.shown,
    hovertemplate: `${plain(group.name)}<extra></extra>`,
    marker: { color: group.color, symbol: group.shape, size, opacity: onTop.length ? 0.45 : 1, line: { width: 0 } },
  }));
  return Plotly.react(byId("map"), [...traces, ...onTop.map(markTrace)], layout(), CONFIG).then(listen);
}

function markTrace(name) {
  const items = marks[name];
  const { text, surface, accent } = theme();
  const query = name === "query";
  const cross = name === "unknown";
  return {
    type: "scattergl",
    mode: "markers",
    x: items.map((item) => item.x),
    y: items.map((item) => item.y),
    hovertemplate: `${name}<extra></extra>`,
    marker: cross
      ? { symbol: "x", size: 9, color: text, line: { width: 1, color: surface } }
      : { symbol: query ? "star" : "circle-open", size: query ? 20 : 15, color: query ? accent : text,
          line: query ? { width: 1.5, color: surface } : { width: 2 } },
  };
}

function layout() {
  const colors = theme();
  const axis = (range) => ({ range: [...range], showgrid: false, zeroline: false, showticklabels: false, ticks: "" });
  return {
    xaxis: axis(ranges[0]),
    yaxis: axis(ranges[1]),
    margin: { l: 0, r: 0, t: 0, b: 0 },
    paper_bgcolor: colors.surface,
    plot_bgcolor: colors.surface,
    font: { color: colors.text, family: "system-ui, sans-serif" },
    hovermode: "closest",
    dragmode: dragMode,
    showlegend: false,
    newselection: { line: { color: colors.accent, width: 2, dash: "dot" } },
    uirevision: drawn.about.map,
    selectionrevision: drawn.about.map,
  };
}

// Plotly reads a few tags in hover texts; a label is none of them.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("%{", "% {");

let listening = false;

function listen(plot) {
  if (listening) return;
  listening = true;
  // What is drawn is said beside it; and plotly measures texts in a drawing of its own, which nobody sees.
  for (const picture of [plot.querySelector(".plot-container"), byId("js-plotly-tester")]) {
    picture?.setAttribute("aria-hidden", "true");
  }
  plot.on("plotly_click", ({ points }) => {
    const [point] = points;
    const part = drawn.parts[point.curveNumber];
    if (part) tell("point chosen", part.rows[point.pointNumber]);
  });
  plot.on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((name) => name.includes("axis"))) return;
    const { xaxis, yaxis } = plot.layout;
    ranges = [[...xaxis.range], [...yaxis.range]];
    tell("view changed");
  });
  plot.on("plotly_selected", (selected) => {
    if (selected?.lassoPoints) tell("outline drawn", corners(selected.lassoPoints));
  });
  whenThemeChanges(render);
}

const MOST_CORNERS = 400;

function corners({ x, y }) {
  const step = Math.ceil(x.length / MOST_CORNERS);
  return x.map((value, place) => [value, y[place]]).filter((_, place) => place % step === 0);
}

on("groups changed", () => drawn && render());

on("panel shown", (name) => {
  shown = name === "threshold" ? ["unknown"] : ["neighbour", "query"];
  if (drawn) render();
});
