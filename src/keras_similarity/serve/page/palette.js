// How labels look: a colour and a shape each, so that neither has to be told apart alone.

// Paul Tol's "bright" scheme, made to be told apart by colour-blind people, on white and on black.
const COLORS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"];
const SHAPES = ["circle", "square", "triangle-up", "diamond"];
const OUTLINES = {
  circle: "M8 3a5 5 0 1 0 .01 0z",
  square: "M3.5 3.5h9v9h-9z",
  "triangle-up": "M8 2.5 14 13H2z",
  diamond: "M8 1.5 14.5 8 8 14.5 1.5 8z",
  x: "M4 2 8 6l4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4-4-4z",
};

export const MOST_STYLES = COLORS.length * SHAPES.length;
export const OTHERS = { color: "#999999", shape: "circle" };
export const UNLABELLED = { color: "#999999", shape: "x" };

export function styleOf(place) {
  const turn = Math.floor(place / 12); // after twelve, colours and shapes would pair as before
  return { color: COLORS[place % COLORS.length], shape: SHAPES[(place + turn) % SHAPES.length] };
}

export const outlineOf = (shape) => OUTLINES[shape];
