// The map's buttons and keys.

import { byId } from "./dom.js";
import { tell } from "./events.js";
import { move, rectangle, setDragMode, showWhole, zoom } from "./map.js";

const STEP = 0.15; // of what is in view
const CLOSER = 0.6;

export function setUpControls() {
  byId("move").onclick = () => choose("pan");
  byId("lasso").onclick = () => choose("lasso");
  byId("in").onclick = () => zoom(CLOSER);
  byId("out").onclick = () => zoom(1 / CLOSER);
  byId("whole").onclick = showWhole;
  byId("view").onclick = () => {
    const [x0, y0, x1, y1] = rectangle();
    tell("outline drawn", [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
  };
  byId("map").addEventListener("keydown", react);
}

const KEYS = {
  ArrowLeft: () => move(-STEP, 0),
  ArrowRight: () => move(STEP, 0),
  ArrowUp: () => move(0, STEP),
  ArrowDown: () => move(0, -STEP),
  "+": () => zoom(CLOSER),
  "=": () => zoom(CLOSER),
  "-": () => zoom(1 / CLOSER),
  0: showWhole,
};

function react(event) {
  const act = KEYS[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
}

function choose(mode) {
  byId("move").setAttribute("aria-pressed", String(mode === "pan"));
  byId("lasso").setAttribute("aria-pressed", String(mode === "lasso"));
  setDragMode(mode);
}
