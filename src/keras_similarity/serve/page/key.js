// Asks for the key of a server that has one; it is kept in memory alone.

import { byId } from "./dom.js";

export function askForKey(refused) {
  const dialog = byId("key");
  const field = byId("key-value");
  if (refused) byId("key-why").textContent = "The server did not take that key. Try another.";
  field.value = "";
  return new Promise((given) => {
    dialog.querySelector("form").addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        dialog.close();
        given(field.value.trim());
        field.value = "";
      },
      { once: true },
    );
    dialog.oncancel = (event) => event.preventDefault();
    if (!dialog.open) dialog.showModal();
    field.focus();
  });
}
