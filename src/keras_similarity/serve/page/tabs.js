// One panel at a time; arrows go from tab to tab.

import { byId } from "./dom.js";
import { tell } from "./events.js";

const tabs = () => [...document.querySelectorAll("[role=tab]")];

export function showPanel(name) {
  for (const tab of tabs()) {
    const chosen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  tell("panel shown", name);
}

export function setUpTabs(opened) {
  for (const [place, tab] of tabs().entries()) {
    const name = tab.getAttribute("aria-controls");
    tab.onclick = () => {
      showPanel(name);
      opened(name);
    };
    tab.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs()[(place + step + tabs().length) % tabs().length];
      next.focus();
      next.click();
    };
  }
  showPanel("neighbors");
}
