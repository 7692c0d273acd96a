/** A member's key, up to its value. */
const KEY = /"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*/g;

/**
 * A text with other values for some members of the JSON that is in it, however deep and whatever stands around it. What is not
 * replaced stays as it was written. A value that has no end reaches to that of the text.
 */
export function replaceMembers(text: string, isChosen: (key: string) => boolean, value: string): string {
  if (!text.includes('"')) return text;
  let result = '';
  let from = 0;
  KEY.lastIndex = 0;
  for (let found = KEY.exec(text); found !== null; found = KEY.exec(text)) {
    if (!isChosen(found[1] ?? '')) continue;
    result += text.slice(from, KEY.lastIndex) + JSON.stringify(value);
    KEY.lastIndex = from = endOfValue(text, KEY.lastIndex);
  }
  return from === 0 ? text : result + text.slice(from);
}

/** Behind the value that begins here. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
      if (depth === 0) return Math.min(text.length, at + 1);
    } else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth <= 0) return depth < 0 ? at : at + 1;
    } else if (depth === 0 && (character === ',' || character === '\n')) return at;
  }
  return text.length;
}

/** The quote that ends the string which begins with this one. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
}
