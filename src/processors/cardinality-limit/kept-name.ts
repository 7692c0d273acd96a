/** Names from outside that are kept count up to here. */
export const MAX_NAME_LENGTH = 256;

/** The beginning of a name, as a text of its own: a part of a longer one would keep all of that in memory. */
export function keptName(name: string): string {
  return name.length <= MAX_NAME_LENGTH ? name : Buffer.from(name.slice(0, MAX_NAME_LENGTH)).toString();
}
