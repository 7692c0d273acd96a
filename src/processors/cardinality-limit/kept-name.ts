import { keptText } from '../../core/kept-text.ts';

/** Names from outside that are kept count up to here. */
export const MAX_NAME_LENGTH = 256;

export function keptName(name: string): string {
  return keptText(name, MAX_NAME_LENGTH);
}
