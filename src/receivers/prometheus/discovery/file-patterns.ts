import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { quoted } from '../../../core/go-class.ts';

const MAGIC = /[*?[\\]/;

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

const CLASS = /^\[(\^?)((?:\\.|[^\]\\])+)\]/s;
const MEMBER = /(\\.|[^\\-])(?:-(\\.|[^\\-]))?/gsy;

/** `*`, `?`, `[a-z]`, `[^a]` and `\x` as Go's filepath.Match reads them. Throws SyntaxError, with a plain reason, where that does. */
export function globPattern(name: string): RegExp {
  let source = '';
  for (let at = 0; at < name.length;) {
    const c = name[at] ?? '';
    if (c === '[') {
      const [whole, negated = '', members = ''] = CLASS.exec(name.slice(at)) ?? throwing('a [ is not closed');
      source += `[${negated}${classMembers(members)}]`;
      at += whole.length;
      continue;
    }
    if (c === '\\' && at + 1 === name.length) throwing('nothing follows the \\ at its end');
    if (c === '\\') at += 1;
    source += c === '*' ? '[^/]*' : c === '?' ? '[^/]' : quoted(name[at] ?? '');
    at += 1;
  }
  return new RegExp(`^${source}$`, 'su');
}

/** What stands between brackets: single characters, and ranges that go upwards. */
function classMembers(members: string): string {
  let source = '';
  for (let at = 0; at < members.length; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at;
    const [, from = '', to] = MEMBER.exec(members) ?? throwing(`"[${members}]" has a - in the wrong place`);
    const [low, high] = [bare(from), bare(to ?? from)];
    if (low > high) throwing(`in "[${members}]" the range ${low}-${high} goes backwards`);
    source += quoted(low) + (to === undefined ? '' : `-${quoted(high)}`);
  }
  return source;
}

function bare(member: string): string {
  return member.replace(/^\\/, '');
}

function throwing(reason: string): never {
  throw new SyntaxError(reason);
}
