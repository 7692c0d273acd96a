/**
 * The beginning of a text from outside, for who keeps it: a text of its own. What `slice` gives of a long text keeps all of
 * that in memory.
 */
export function keptText(text: string, characters: number): string {
  return text.length <= characters ? text : Buffer.from(text.slice(0, characters)).toString();
}
