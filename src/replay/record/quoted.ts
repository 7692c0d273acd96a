/**
 * Quoted text, also within what is quoted itself: JSON in a JSON string has `\"`, one deeper `\\\"`. A quote is at depth `n` when
 * `2^n - 1` backslashes lead to it.
 */
export interface Quote {
  /** Of its first backslash. */
  readonly start: number;
  /** Behind it. */
  readonly end: number;
  readonly mark: string;
}

/** Deeper ones are none. */
const MAX_BACKSLASHES = 63;

/** The quote that begins here. */
export function quoteAt(text: string, start: number): Quote | undefined {
  let at = start;
  while (text[at] === '\\' && at - start < MAX_BACKSLASHES) at += 1;
  const mark = text[at];
  return mark === '"' || mark === "'" || mark === '`' ? { start, end: at + 1, mark } : undefined;
}

/** Where the quote begins that ends what `open` begins; the end of the line, or of the text, when none does. */
export function closingQuote(text: string, open: Quote): number {
  const backslashes = open.end - open.start - 1;
  const depth = Math.floor(Math.log2(backslashes + 1));
  let run = 0;
  for (let at = open.end; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') run += 1;
    else if (character === '\n') return at;
    else {
      const isDoubled = character === "'" && backslashes === 0 && run === 0 && text[at + 1] === "'";
      if (character === open.mark && isDoubled) at += 1;
      else if (character === open.mark && ends(run, depth)) return Math.max(open.end, at - Math.min(run, backslashes));
      run = 0;
    }
  }
  return text.length;
}

/** Whether a quote after so many backslashes ends a text of this depth, or one around it. */
function ends(backslashes: number, depth: number): boolean {
  let run = backslashes;
  for (let level = depth; level > 0; level--) {
    if (run % 2 === 0) return true;
    run = (run - 1) / 2;
  }
  return run % 2 === 0;
}
