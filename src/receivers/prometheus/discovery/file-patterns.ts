import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { quoted } from '../../../core/go-class.ts';

const MAGIC = /[*?[]/;

/**
 * The existing files that a pattern stands for, in order of their names; a plain path stands for itself. A directory that
 * does not exist holds none; one that cannot be read throws.
 */
export async function filesOf(pattern: string): Promise<string[]> {
  const directory = dirname(pattern);
  const name = basename(pattern);
  const wanted = MAGIC.test(name) ? globPattern(name) : undefined;
  const names = await namesIn(directory);
  return names
    .filter((other) => (wanted === undefined ? other === name : wanted.test(other)))
    .sort()
    .map((other) => join(directory, other));
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}

/** `*`, `?`, `[a-z]`, `[^a]` and `\x` as Go's filepath.Match reads them. */
function globPattern(name: string): RegExp {
  const source = name.replaceAll(
    /\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|([\s\S])/g,
    (_, ...groups: (string | undefined)[]) => {
      const [escaped, negated, members, other = ''] = groups;
      if (escaped !== undefined) return quoted(escaped);
      if (members !== undefined) return `[${negated}${members.replaceAll(/[[&|~]/g, '\\$&')}]`;
      return other === '*' ? '[^/]*' : other === '?' ? '[^/]' : quoted(other);
    },
  );
  return new RegExp(`^${source}$`, 's');
}
