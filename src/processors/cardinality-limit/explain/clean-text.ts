/** Characters that a person sees of a text that came from outside. */
export const SHOWN_CHARACTERS = 64;
/** The longest name of something hidden: `\u{10ffff}`. */
const LONGEST_NAME = 10;

/**
 * The beginning of a text that came from outside, for people: what has no look of its own, or changes that of others, such
 * as line ends, escapes of terminals and marks that turn the direction, is named. No longer than `characters` and one name.
 */
export function cleanText(text: string, characters = SHOWN_CHARACTERS): string {
  // Joined at the end: a text that grows piece by piece keeps all of its pieces.
  const parts: string[] = [];
  let length = 0;
  for (const character of text) {
    if (length >= characters) {
      parts.push('…');
      break;
    }
    const part = HIDDEN.test(character) ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}` : character;
    length += part.length;
    parts.push(part);
  }
  return parts.join('');
}

/** What `cleanText` takes at most: two bytes a unit, and what V8 puts around a text. */
export function cleanTextBytes(characters = SHOWN_CHARACTERS): number {
  return 2 * (characters + LONGEST_NAME + 1) + 32;
}

const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/u;
