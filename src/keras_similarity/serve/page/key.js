// Asks for the key of a server that has one; it is kept in memory alone.

import { Refused } from "./api.js";
import { byId } from "./dom.js";

export function askForKey(refused) {
  const dialog = byId("key");
  const field = byId("key-value");
  if (refused) byId("key-why").textContent = "The server did not take that key. Try another.";
  field.value = "";
  return new Promise((given, left) => {
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      given(field.value.trim());
      field.value = "";
      dialog.close();
    };
    dialog.onclose = () => left(new Refused("Without a key this server shows nothing.", 401)); // with Escape
    if (!dialog.open) dialog.showModal();
    field.focus();
  });
}
