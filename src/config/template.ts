/** Text with expansions in it: literal pieces and what stood between `${` and `}`. */
export type Piece = string | Expansion;

export interface Expansion {
  /** As written, with the braces. */
  readonly source: string;
  readonly inner: string;
}

/** `$$` becomes `$`; a `${` that is never closed stays as it is. */
export function parseTemplate(text: string): Piece[] {
  const pieces: Piece[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const close = text.startsWith('${', at) ? closingBrace(text, at + 2) : -1;
    if (close >= 0) {
      if (literal !== '') pieces.push(literal);
      literal = '';
      pieces.push({ source: text.slice(at, close + 1), inner: text.slice(at + 2, close) });
      at = close + 1;
    } else {
      literal += text.charAt(at);
      at += text.startsWith('$$', at) ? 2 : 1;
    }
  }
  if (literal !== '') pieces.push(literal);
  return pieces;
}

/** Braces inside pair up (`${env:A:-${B}}`, `${yaml:{a: b}}`); where they do not, the first one closes. */
function closingBrace(text: string, from: number): number {
  let open = 1;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '{') open++;
    else if (character === '}' && --open === 0) return at;
  }
  return text.indexOf('}', from);
}

/** Cuts `NAME:-default` at the first `:-` that is not inside a nested expansion. */
export function splitDefault(inner: string): { readonly name: string; readonly fallback: string | undefined } {
  let open = 0;
  for (let at = 0; at < inner.length; at++) {
    if (inner.startsWith('${', at)) open++;
    else if (inner[at] === '}' && open > 0) open--;
    else if (open === 0 && inner.startsWith(':-', at))
      return { name: inner.slice(0, at), fallback: inner.slice(at + 2) };
  }
  return { name: inner, fallback: undefined };
}

export function isPlain(pieces: readonly Piece[]): boolean {
  return pieces.every((piece) => typeof piece === 'string');
}
