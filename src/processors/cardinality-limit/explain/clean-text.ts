/** Characters that a person sees of a text that came from outside. */
export const SHOWN_CHARACTERS = 64;

/**
 * The beginning of a text that came from outside, for people: what has no look of its own, or changes that of others, such
 * as line ends, escapes of terminals and marks that turn the direction, becomes visible.
 */
export function cleanText(text: string, characters = SHOWN_CHARACTERS): string {
  // A character has two units at most; what is cut in the middle becomes visible below.
  const some = Array.from(text.slice(0, 2 * characters + 2));
  const isCut = some.length > characters || text.length > 2 * characters + 2;
  const shown = some
    .slice(0, characters)
    .join('')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (hidden) => `\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}`);
  return isCut ? `${shown}…` : shown;
}
