// Labels as groups that are drawn and hidden together: the largest alone, the rest in one.

import { MOST_STYLES, OTHERS, styleOf, UNLABELLED } from "./palette.js";
import { labelText } from "./dom.js";

export function groupsOf(about) {
  const order = about.labels.map((_, code) => code).filter((code) => about.labels[code].count > 0);
  order.sort((one, two) => about.labels[two].count - about.labels[one].count);
  const single = order.length > MOST_STYLES ? order.slice(0, MOST_STYLES - 1) : order;
  const groups = single.map((code, place) => ({
    name: labelText(about.labels[code].label),
    codes: [code],
    count: about.labels[code].count,
    shown: true,
    ...styleOf(place),
  }));
  groups.sort((one, two) => one.name.localeCompare(two.name, "en", { numeric: true }));
  const rest = order.slice(single.length);
  if (rest.length) {
    const items = rest.reduce((sum, code) => sum + about.labels[code].count, 0);
    groups.push({ name: `${rest.length} other labels`, codes: rest, count: items, shown: true, ...OTHERS });
  }
  if (about.unlabelled) {
    groups.push({ name: "no label", codes: [-1], count: about.unlabelled, shown: true, ...UNLABELLED });
  }
  const groupOf = new Uint32Array(about.labels.length + 1);
  groups.forEach((group, number) => group.codes.forEach((code) => (groupOf[code + 1] = number)));
  return { groups, groupOf };
}
