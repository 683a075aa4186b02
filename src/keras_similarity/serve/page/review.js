// What is probably wrong with the data: near-copies to remove, labels to put right.

import { ask, indexPath, itemPath } from "./api.js";
import { byId, count, labelText, make, say, short } from "./dom.js";
import { tell } from "./events.js";
import { previewOf } from "./previews.js";
import { state } from "./state.js";

export function showReview(attempt) {
  const results = make("div", { id: "findings" });
  const look = (kind, show) => () =>
    attempt(async () => {
      results.replaceChildren(make("p", {}, "Items are being compared…"));
      try {
        const found = await ask(indexPath(state.index, `/${kind}?renew=true`));
        results.replaceChildren(...show(found, attempt));
        say(`${count(found.found)} found`);
      } catch (error) {
        results.replaceChildren();
        throw error;
      }
    });
  byId("review").replaceChildren(
    make("h2", {}, "Review"),
    make(
      "p",
      { className: "buttons" },
      make("button", { id: "find-issues", onclick: look("label-issues", issues) }, "Suspicious labels"),
      make("button", { id: "find-duplicates", onclick: look("duplicates", duplicates) }, "Duplicates"),
    ),
    results,
  );
}

function examined({ examined: seen, size, found, lines }) {
  const part = seen < size ? ` Compared were ${count(seen)} of ${count(size)} items.` : "";
  const groups = new Set(lines.map((line) => line.group)).size;
  const grouped = lines[0]?.group === undefined ? "" : ` in ${count(groups)} ${groups === 1 ? "group" : "groups"}`;
  const more = found > lines.length ? ` The first ${count(lines.length)} are shown.` : "";
  return make("p", { className: "hint" }, `${count(found)} found${grouped}.${part}${more}`);
}

function issues(found, attempt) {
  const items = found.lines.map((line) => {
    const field = make("input", { value: labelText(line.suggested), "aria-label": `New label of ${line.id}` });
    const done = make("span", { className: "about" }, `${labelText(line.label)} → ${labelText(line.suggested)}?`,
      make("small", {}, `id ${line.id}, score ${short(line.score)}`));
    const relabel = (event) => {
      event.preventDefault();
      const label = meant(field.value, line.suggested);
      attempt(async () => {
        await ask(indexPath(state.index, "/items:relabel"), { items: [{ id: line.id, label }] });
        done.replaceChildren(`is ${labelText(label)} now`, make("small", {}, `id ${line.id}`));
        say(`item ${line.id} is ${labelText(label)} now`);
        tell("index changed");
      });
    };
    return make("li", {}, thumbnail(line.id), done, make("form", { onsubmit: relabel }, field, make("button", {}, "Relabel")));
  });
  return [examined(found), make("ul", { className: "findings" }, ...items)];
}

function duplicates(found, attempt) {
  const groups = Map.groupBy(found.lines, (line) => line.group);
  const lists = [...groups.values()].map((lines) =>
    make(
      "li",
      {},
      make("strong", {}, `${lines.length} alike${lines[0].labels_differ ? ", labels differ" : ""}`),
      make("ul", {}, ...lines.map((line) => copy(line, attempt))),
    ),
  );
  return [examined(found), make("ul", { className: "findings groups" }, ...lists)];
}

function copy(line, attempt) {
  const button = make("button", {}, "Remove");
  const entry = make("li", {}, thumbnail(line.id), make("span", { className: "about" }, labelText(line.label),
    make("small", {}, `id ${line.id}, distance ${short(line.distance)}`)), button);
  button.setAttribute("aria-label", `Remove ${line.id}`);
  button.onclick = () =>
    attempt(async () => {
      if (!confirm(`Remove ${line.id} from the index?`)) return;
      await ask(itemPath(state.index, "items", line.id), undefined, "DELETE");
      entry.replaceChildren(`${line.id} was removed`);
      say(`item ${line.id} was removed`);
      tell("index changed");
    });
  return entry;
}

function thumbnail(id) {
  const choose = () => tell("item chosen", id);
  return make("button", { className: "picture", "aria-label": `Neighbours of ${id}`, onclick: choose }, previewOf(state.index, id));
}

// A text names the label that reads so: 7 and "7" differ, and an index has one of them.
function meant(text, suggested) {
  if (text === labelText(suggested)) return suggested;
  const known = state.about.labels.find(({ label }) => labelText(label) === text);
  return known ? known.label : text;
}
