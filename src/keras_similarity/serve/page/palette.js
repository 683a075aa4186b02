// How labels look: a colour and a shape each, so that neither has to be told apart alone.

// Found by a search: contrasts of 3 and more with the page's white and its black, and as far apart as they go for people
// who see no red, no green or no blue (ΔE 25 and more as Machado et al. simulate it, 2009).
const COLORS = ["#504cf4", "#ff5a64", "#11752a", "#a98f00", "#239be5", "#9b4b72"];
const SHAPES = ["circle", "square", "triangle-up", "diamond"];
const OUTLINES = {
  circle: "M8 3a5 5 0 1 0 .01 0z",
  square: "M3.5 3.5h9v9h-9z",
  "triangle-up": "M8 2.5 14 13H2z",
  diamond: "M8 1.5 14.5 8 8 14.5 1.5 8z",
  x: "M4 2 8 6l4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4-4-4z",
};

export const MOST_STYLES = COLORS.length * SHAPES.length;
export const OTHERS = { color: "#888888", shape: "circle" };
export const UNLABELLED = { color: "#888888", shape: "x" };

export function styleOf(place) {
  const turn = Math.floor(place / 12); // after twelve, colours and shapes would pair as before
  return { color: COLORS[place % COLORS.length], shape: SHAPES[(place + turn) % SHAPES.length] };
}

export const outlineOf = (shape) => OUTLINES[shape];
