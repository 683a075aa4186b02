// What parts of the page tell each other, so that none has to know the others.

const hub = new EventTarget();

export const tell = (name, detail) => hub.dispatchEvent(new CustomEvent(name, { detail }));
export const on = (name, react) => hub.addEventListener(name, (event) => react(event.detail));
