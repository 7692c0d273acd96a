/** A field as configuration writes it: `attributes["http.route"]` is name `attributes`, keys [`http.route`]. */
export interface FieldPath {
  /** Dotted, without index: `resource.attributes`, `status.code`. */
  readonly name: string;
  readonly keys: readonly (string | number)[];
}

export type ParsedPath =
  | { readonly ok: true; readonly path: FieldPath; readonly end: number }
  | { readonly ok: false; readonly message: string; readonly at: number };

const NAME = /[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*/y;
const KEY = /\[\s*(?:"((?:[^"\\]|\\.)*)"|(\d+))\s*\]/y;

/** Reads a path from `text` at `start`; `end` is where it ends, which need not be the end of the text. */
export function parsePath(text: string, start = 0): ParsedPath {
  NAME.lastIndex = start;
  const name = NAME.exec(text)?.[0];
  if (name === undefined) return { ok: false, message: 'expected the name of a field', at: start };
  let end = start + name.length;
  const keys: (string | number)[] = [];
  while (text[end] === '[') {
    KEY.lastIndex = end;
    const match = KEY.exec(text);
    if (match === null) return { ok: false, message: 'expected a key such as ["http.route"]', at: end };
    keys.push(match[2] === undefined ? unescapeText(match[1] ?? '') : Number(match[2]));
    end = KEY.lastIndex;
  }
  return { ok: true, path: { name, keys }, end };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** The text between double quotes, with its backslashes resolved as Go does. */
export function unescapeText(quoted: string): string {
  return quoted.replace(/\\(.)/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped);
}
