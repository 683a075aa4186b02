// Points of the map, from the server's numbers.

import { askBytes, indexPath } from "./api.js";

const HEAD = 8; // bytes: how many are here, how many there are

export async function fetchPoints(name, map, rectangle) {
  const view = rectangle ? `&x0=${rectangle[0]}&y0=${rectangle[1]}&x1=${rectangle[2]}&y1=${rectangle[3]}` : "";
  return decode(await askBytes(indexPath(name, `/map/points?map=${map}${view}`)));
}

function decode(buffer) {
  const [size, total] = new Uint32Array(buffer, 0, 2);
  const at = (part) => HEAD + 4 * size * part;
  return {
    size,
    total,
    rows: new Uint32Array(buffer, at(0), size),
    codes: new Int32Array(buffer, at(1), size),
    x: new Float32Array(buffer, at(2), size),
    y: new Float32Array(buffer, at(3), size),
  };
}

// The points of each group, in two passes: groupOf gives the group of each label code, from -1.
export function grouped(points, groupOf, groups) {
  const sizes = new Uint32Array(groups);
  for (const code of points.codes) sizes[groupOf[code + 1]]++;
  const made = Array.from(sizes, (size) => ({
    rows: new Uint32Array(size),
    x: new Float32Array(size),
    y: new Float32Array(size),
  }));
  sizes.fill(0);
  for (let point = 0; point < points.size; point++) {
    const group = groupOf[points.codes[point] + 1];
    const place = sizes[group]++;
    made[group].rows[place] = points.rows[point];
    made[group].x[place] = points.x[point];
    made[group].y[place] = points.y[point];
  }
  return made;
}
