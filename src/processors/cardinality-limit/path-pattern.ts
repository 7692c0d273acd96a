/**
 * A text with `{name}` for one part between slashes, or some of it, and `*` at its end for whatever follows. It is tried
 * without going back, so that no value takes longer than its length: those come from outside.
 */
export interface PathPattern {
  readonly text: string;
  matches(path: string): boolean;
}

export function pathPattern(text: string): PathPattern {
  const isOpen = text.endsWith('*');
  const segments = (isOpen ? text.slice(0, -1) : text).split('/').map((each) => each.split(/\{[^{}]*\}/));
  const last = segments.length - 1;
  return {
    text,
    matches(path) {
      const parts = path.split('/');
      if (isOpen ? parts.length <= last : parts.length !== last + 1) return false;
      return segments.every((literals, index) => fits(parts[index] ?? '', literals, isOpen && index === last));
    },
  };
}

/** Whether a text is these literals with one character or more between each two; of an open one, whether it begins so. */
function fits(text: string, literals: readonly string[], isOpen: boolean): boolean {
  const [first = '', ...others] = literals;
  const last = isOpen ? undefined : others.pop();
  if (last === undefined && !isOpen) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const literal of others) {
    // The earliest place leaves the most to those behind.
    const found = text.indexOf(literal, at + 1);
    if (found <= at) return false;
    at = found + literal.length;
  }
  return last === undefined || (text.endsWith(last) && text.length - last.length > at);
}
