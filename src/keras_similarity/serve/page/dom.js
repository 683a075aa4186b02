// Elements, made without ever reading text as HTML.

import { write } from "./json.js";

export const byId = (id) => document.getElementById(id);

export function make(tag, about = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children); // a string becomes a text node
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function drawing(tag, about = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(about)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function say(text) {
  byId("said").textContent = text;
}

export const count = (number) => number.toLocaleString("en");
export const short = (number) => (number === null ? "–" : Number(number.toPrecision(4)).toString());

export function labelText(label) {
  if (label === null || label === undefined) return "no label";
  return typeof label === "object" ? write(label) : String(label);
}
