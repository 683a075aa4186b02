// The colours of the page, for what is drawn outside CSS.

const query = matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  return { text: color("text"), surface: color("surface"), line: color("line"), accent: color("accent") };
}

export const whenThemeChanges = (react) => query.addEventListener("change", react);
