import { errorMessage, RemoraError } from './errors.ts';
import { classPart, escapePart, quoted, type Part } from './go-class.ts';

const FLAGS = /\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/y;
const GROUP = /\((?:\?(?:P?<(?=[^=!])|:|<?[=!]))?/y;
const REPEAT = /\{\d+(?:,\d*)?\}/y;
const LITERAL = /\\Q([^]*?)(?:\\E|$)/y;

/**
 * A pattern in the syntax of Go's regexp package, as Collector configurations write them, for matching anywhere in a
 * text. Throws config_invalid for what is not a pattern, or one that cannot be carried over. Unlike Go's, a match may
 * take time that grows faster than the text, so nested repetitions such as `(a+)+` are to be avoided.
 */
export function goPattern(pattern: string): RegExp {
  try {
    const translation = new Translation(pattern);
    return new RegExp(translation.source, translation.flags);
  } catch (error) {
    const reason = errorMessage(error).replace(/^Invalid regular expression: .*: /s, '');
    throw new RemoraError('config_invalid', `"${pattern}" is not a usable pattern: ${reason}`, { cause: error });
  }
}

/** The names of all groups in the order of their numbers; undefined when one of them has no name. */
export function groupNames(pattern: RegExp): string[] | undefined {
  const empty = new RegExp(`${pattern.source}|`, pattern.flags).exec('');
  const names = Object.keys(empty?.groups ?? {});
  return names.length === (empty?.length ?? 1) - 1 ? names : undefined;
}

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

/** A group, or the whole pattern. */
interface Level {
  flags: Flags;
  /** Whether case was ignored where the group starts. */
  readonly ignoresCase: boolean;
  /** What `(?i)` or `(?-i)` on the way has opened, which ends with each alternative; empty for none. */
  opened: string;
}

/** What Go and JavaScript write, or mean, otherwise: flags on the way, line ends, escapes and classes. */
class Translation {
  readonly flags: string;
  source = '';
  readonly #pattern: string;
  readonly #outer: Level[] = [];
  #level: Level;

  constructor(pattern: string) {
    this.#pattern = pattern;
    const leading = this.#matchAt(FLAGS, 0);
    const flags = changed({ i: false, m: false, s: false }, leading?.[3] === ')' ? leading : null);
    this.flags = flags.i ? 'iu' : 'u';
    this.#level = { flags, ignoresCase: flags.i, opened: '' };
    for (let at = leading?.[3] === ')' ? leading[0].length : 0; at < pattern.length;) at += this.#translate(at);
    this.#shut();
  }

  /** Translates what stands at `at`, and gives its length. */
  #translate(at: number): number {
    const char = this.#pattern[at] ?? '';
    switch (char) {
      case '(':
        return this.#open(at);
      case ')':
        this.#shut();
        this.#level = this.#outer.pop() ?? this.#level;
        return this.#put({ length: 1, source: ')' });
      case '|':
        return this.#put({ length: 1, source: this.#level.opened === '' ? '|' : `)|${this.#level.opened}` });
      case '[':
        return this.#put(classPart(this.#pattern, at));
      case '\\':
        return this.#escape(at);
      case '.':
        return this.#put({ length: 1, source: this.#level.flags.s ? '[^]' : '[^\\n]' });
      case '^':
        return this.#put({ length: 1, source: this.#level.flags.m ? '(?<![^\\n])' : '^' });
      case '$':
        return this.#put({ length: 1, source: this.#level.flags.m ? '(?![^\\n])' : '$' });
      case '{': {
        const repeat = this.#matchAt(REPEAT, at)?.[0];
        return this.#put(
          repeat === undefined ? { length: 1, source: '\\{' } : { length: repeat.length, source: repeat },
        );
      }
      case '}':
      case ']':
        return this.#put({ length: 1, source: `\\${char}` });
      default:
        return this.#put({ length: 1, source: char });
    }
  }

  #escape(at: number): number {
    const literal = this.#matchAt(LITERAL, at);
    if (literal !== null) {
      if (literal[1] === '') this.#mustNotRepeat(at + literal[0].length);
      return this.#put({ length: literal[0].length, source: quoted(literal[1] ?? '') });
    }
    const letter = this.#pattern[at + 1];
    if (letter === 'b' || letter === 'B') return this.#put({ length: 2, source: `\\${letter}` });
    if (letter === 'A') return this.#put({ length: 2, source: '(?<![^])' });
    if (letter === 'z') return this.#put({ length: 2, source: '(?![^])' });
    return this.#put(escapePart(this.#pattern, at));
  }

  #open(at: number): number {
    const flags = this.#matchAt(FLAGS, at);
    const isGroup = flags?.[3] !== ')';
    if (isGroup) {
      this.#outer.push(this.#level);
      this.#level = { flags: this.#level.flags, ignoresCase: this.#level.flags.i, opened: '' };
    }
    if (flags === null) {
      const group = this.#matchAt(GROUP, at)?.[0] ?? '(';
      return this.#put({ length: group.length, source: group.replace('?P<', '?<') });
    }
    if (isGroup) this.source += '(?:';
    this.#shut();
    this.#level.flags = changed(this.#level.flags, flags);
    if (!isGroup) this.#mustNotRepeat(at + flags[0].length);
    const { i } = this.#level.flags;
    if (i !== this.#level.ignoresCase) this.#level.opened = i ? '(?i:' : '(?-i:';
    return this.#put({ length: flags[0].length, source: this.#level.opened });
  }

  #shut(): void {
    if (this.#level.opened !== '') this.source += ')';
    this.#level.opened = '';
  }

  /** What stands for nothing by itself cannot be repeated; in JavaScript a quantifier would change the one before. */
  #mustNotRepeat(at: number): void {
    if (/^(?:[*+?]|\{\d)/.test(this.#pattern.slice(at, at + 2))) throw new SyntaxError('there is nothing to repeat');
  }

  #put({ length, source }: Part): number {
    this.source += source;
    return length;
  }

  #matchAt(pattern: RegExp, at: number): RegExpExecArray | null {
    pattern.lastIndex = at;
    return pattern.exec(this.#pattern);
  }
}

/** The flags after `(?i-s)` or `(?i:`. U (ungreedy) has no counterpart. */
function changed(flags: Flags, match: RegExpExecArray | null): Flags {
  const [, on = '', off = ''] = match ?? [];
  const unknown = /[^ims]/.exec(on + off)?.[0];
  if (unknown !== undefined) throw new SyntaxError(`the flag ${unknown} is not available`);
  const is = (flag: keyof Flags): boolean => (flags[flag] || on.includes(flag)) && !off.includes(flag);
  return { i: is('i'), m: is('m'), s: is('s') };
}
