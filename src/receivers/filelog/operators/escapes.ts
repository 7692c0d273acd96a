const ESCAPE = /\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3}|[abfnrtv\\"'/])/g;
/** Characters that Go and JSON write as a backslash and a letter. */
export const ESCAPED: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Quoted text of Go and JSON without its escapes. What is not an escape stays as it is. */
export function unescaped(text: string): string {
  return text.includes('\\') ? text.replace(ESCAPE, meaning).toWellFormed() : text;
}

function meaning(escape: string): string {
  const rest = escape.slice(2);
  const letter = escape.charAt(1);
  // Two short escapes in a row may be the halves of one character.
  if (letter === 'u') return String.fromCharCode(Number.parseInt(rest, 16));
  if (rest === '') return ESCAPED[letter] ?? letter;
  const point = letter === 'x' || letter === 'U' ? Number.parseInt(rest, 16) : Number.parseInt(letter + rest, 8);
  return point > 0x10ffff ? escape : String.fromCodePoint(point);
}

/** Text between double quotes, backticks, or one character between single quotes, as Go writes it; undefined for others. */
export function unquoted(text: string): string | undefined {
  const inner = text.slice(1, -1);
  if (text.length < 2 || text[0] !== text.at(-1)) return undefined;
  if (text[0] === '`') return inner.includes('`') ? undefined : inner;
  if (text[0] !== '"' && text[0] !== "'") return undefined;
  const rest = inner.replace(ESCAPE, '');
  if (rest.includes('\\') || rest.includes(text[0]) || rest.includes('\n')) return undefined;
  const plain = unescaped(inner);
  return text[0] === "'" && Array.from(plain).length !== 1 ? undefined : plain;
}
