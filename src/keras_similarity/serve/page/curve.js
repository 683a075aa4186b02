// Curves over thresholds, as a small drawing.

import { drawing } from "./dom.js";

const WIDTH = 320;
const HEIGHT = 120;
const DASHES = ["", "5 3", "1.5 3", "8 3 2 3"];

export function curveDrawing(distances, curves, domain) {
  const x = (distance) => ((distance - domain[0]) / (domain[1] - domain[0] || 1)) * WIDTH;
  const y = (value) => HEIGHT - value * HEIGHT;
  const names = Object.keys(curves);
  const lines = names.map((name, number) => {
    const places = distances
      .map((distance, place) => [distance, curves[name][place]])
      .filter(([, value]) => value !== null)
      .map(([distance, value]) => `${x(distance).toFixed(1)},${y(value).toFixed(1)}`);
    return drawing("polyline", { points: places.join(" "), class: `curve c${number}`, "stroke-dasharray": DASHES[number % 4] });
  });
  const cursor = drawing("line", { y1: 0, y2: HEIGHT, class: "cursor" });
  const picture = drawing(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curves", role: "img", preserveAspectRatio: "none" },
    drawing("title", {}, `${names.join(", ")} by threshold`),
    ...lines,
    cursor,
  );
  const point = (distance) => {
    cursor.setAttribute("x1", x(distance));
    cursor.setAttribute("x2", x(distance));
  };
  return { picture, point };
}

export function curveKey(names) {
  return names.map((name, number) => {
    const line = drawing("line", { x1: 0, x2: 26, y1: 5, y2: 5, class: `curve c${number}`, "stroke-dasharray": DASHES[number % 4] });
    return [drawing("svg", { viewBox: "0 0 26 10", width: 26, height: 10, "aria-hidden": "true" }, line), name];
  });
}
