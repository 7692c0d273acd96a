const SHOWN = 3;

/** That there are files in the input that nobody read, if there are: nothing of what is in them is tested. */
export function unreadNote(paths: readonly string[] = []): string[] {
  if (paths.length === 0) return [];
  const more = paths.length > SHOWN ? ` and ${paths.length - SHOWN} more files` : '';
  return [`nobody read ${paths.slice(0, SHOWN).join(', ')}${more}`];
}
