// The list of labels: how each is drawn, and whether it is.

import { byId, count, drawing, make } from "./dom.js";
import { tell } from "./events.js";
import { outlineOf } from "./palette.js";

export function showLegend(groups) {
  const change = (group, shown) => {
    group.shown = shown;
    tell("groups changed");
  };
  const boxes = groups.map((group) =>
    make("input", { type: "checkbox", checked: group.shown, onchange: (event) => change(group, event.target.checked) }),
  );
  byId("labels").replaceChildren(
    ...groups.map((group, number) =>
      make(
        "li",
        {},
        make("label", {}, boxes[number], mark(group), make("span", {}, group.name), make("small", {}, count(group.count))),
      ),
    ),
  );
  const setAll = (shown) => {
    groups.forEach((group, number) => {
      group.shown = boxes[number].checked = shown;
    });
    tell("groups changed");
  };
  byId("all").onclick = () => setAll(true);
  byId("none").onclick = () => setAll(false);
}

function mark(group) {
  const outline = drawing("path", { d: outlineOf(group.shape), fill: group.color });
  return drawing("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" }, outline);
}
