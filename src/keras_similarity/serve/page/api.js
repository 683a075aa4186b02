// Requests to the server this page came from.

import { read, write } from "./json.js";

const POLL_MS = 500;
let key = "";
let askForKey = () => Promise.reject(new Error("no key"));
let asking = null;

export class Refused extends Error {
  constructor(detail, status) {
    super(detail);
    this.status = status;
  }
}

export function whenKeyIsNeeded(ask) {
  askForKey = ask;
}

async function request(path, body, method = body === undefined ? "GET" : "POST") {
  const headers = {};
  if (key) headers.authorization = `Bearer ${key}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const sent = body === undefined ? undefined : write(body);
  const about = { method, headers, body: sent, credentials: "omit", cache: "no-store" };
  const answer = await fetch(path, about).catch(() => {
    throw new Refused("The server does not answer.");
  });
  if (answer.status === 401) {
    const refused = key !== "";
    asking ??= askForKey(refused).then((given) => (key = given)).finally(() => (asking = null));
    await asking;
    return request(path, body, method);
  }
  if (!answer.ok) throw new Refused(await reason(answer), answer.status);
  return answer;
}

async function reason(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return `the server answered ${answer.status}`;
  }
}

export async function ask(path, body, method) {
  for (;;) {
    const answer = await request(path, body, method);
    if (answer.status !== 202) return read(await answer.text());
    path = path.replace(/[?&]renew=true/, ""); // it is being made; asking for it once is enough
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}

export async function askBytes(path) {
  return (await request(path)).arrayBuffer();
}

export async function askFile(path) {
  const answer = await request(path);
  return answer.status === 204 ? null : answer.blob();
}

export const indexPath = (name, rest = "") => `/v1/indexes/${encodeURIComponent(name)}${rest}`;

// In a path an id of digits is a number; a string is quoted, so that it stays one.
export function itemPath(name, part, id) {
  const text = typeof id === "string" ? `"${id}"` : String(id);
  return indexPath(name, `/${part}/${encodeURIComponent(text)}`);
}
