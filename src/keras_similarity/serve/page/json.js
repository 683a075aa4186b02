// JSON with whole numbers beyond 2^53 as BigInt: ids and labels have 64 bits, which no number of JavaScript holds.

const LONG = /(?<![\d.])\d{16,}(?![\d.eE])/; // perhaps in a text, where nothing comes of it
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const WHOLE = /^-?\d+$/;

export function read(text) {
  if (!LONG.test(text)) return JSON.parse(text);
  const mark = `whole ${Math.random()} `; // what no text of the answer begins with
  const marked = text.replace(TOKEN, (token) => (WHOLE.test(token) && !isExact(token) ? `"${mark}${token}"` : token));
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

export function write(value) {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const parts = Object.entries(value).filter(([, part]) => part !== undefined);
  return `{${parts.map(([name, part]) => `${JSON.stringify(name)}:${write(part)}`).join(",")}}`;
}

// The number that digits say, exactly, or null for one beyond 64 bits, which nothing here is.
export function wholeNumber(digits) {
  if (isExact(digits)) return Number(digits);
  const number = BigInt(digits);
  return BigInt.asIntN(64, number) === number ? number : null;
}

const isExact = (digits) => Number.isSafeInteger(Number(digits));
