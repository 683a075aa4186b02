// Lines for spreadsheets, which must not take an id or a label for a formula.

import { write } from "./json.js";

const FORMULA = /^[=+\-@\t\r\n]/;

export function csvOf(columns, rows) {
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value) {
  if (value === null || value === undefined) return "";
  if (["number", "bigint", "boolean"].includes(typeof value)) return String(value);
  const text = typeof value === "string" ? value : write(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
