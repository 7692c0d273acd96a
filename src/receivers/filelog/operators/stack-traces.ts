import { atTraces } from './stack-traces/at.ts';
import { goTraces } from './stack-traces/go.ts';
import { decided, type Grammar } from './stack-traces/grammar.ts';
import { ordinaryLine } from './stack-traces/ordinary.ts';
import type { StackTracePreset } from './stack-traces/presets.ts';
import { phpTraces } from './stack-traces/php.ts';
import { pythonTraces } from './stack-traces/python.ts';
import { rubyTraces } from './stack-traces/ruby.ts';

/** No decision looks at more of a line than this; a caller may cut lines to it. */
export const MAX_LOOK_CHARACTERS = 512;

/**
 * Decides line by line whether a line goes on with the record that the lines before it make up. One instance per source of lines.
 *
 * Lines come without their line end; a `\r` before it is tolerated, and what is beyond `MAX_LOOK_CHARACTERS` may be missing. Of
 * all lines only the last is kept, no longer than that. The rules, where a line alone does not tell:
 * - An ordinary line starts a record, also when it is indented: a pretty-printed object is a record per line.
 * - A header of the JVM or .NET (`com.example.SomeException: x`), and frames of any language, go on with the line before, which is the log
 *   call's; but not with a blank line, a line of JSON or the end of another trace. A `Traceback` of Python likewise, and then also not with
 *   a line of level info or lower, as it is how a process dies; a lone `TypeError: x` of Node only with a line of level warning or higher.
 * - A message of several lines goes on with its header, up to 64 lines, while frames must follow, until a line looks like the start of a
 *   record. Where the header is the end of a log line (`ERROR failed: Error: first`) its other lines are records of their own. After
 *   Python's exception, which comes last, only indented lines go on. After Ruby's frames another header is the cause, as Ruby writes it.
 * - A blank line goes on where the language writes one and more may follow: around Python's chains and before PHP's `Next`, between Go's
 *   goroutines, around Node's uncaught errors, between .NET's inner exceptions, before Ruby's source line, and in messages.
 */
export interface TraceFold {
  continues(line: string): boolean;
  /** Forgets what came before: the next line starts a record. */
  reset(): void;
}

/** Compiles the presets, which may be any of them together, to a factory of folds. */
export function traceFold(presets: readonly StackTracePreset[]): () => TraceFold {
  const grammars = grammarsOf(new Set(presets));
  const firsts = interestTable(grammars.map(({ firsts }) => firsts));
  const lasts = interestTable(grammars.map(({ lasts }) => lasts));
  return () => new Fold(grammars, firsts, lasts);
}

/** In the order in which they are asked: PHP's and Ruby's headers are narrower than those of Node and the JVM. */
function grammarsOf(presets: ReadonlySet<StackTracePreset>): Grammar[] {
  const [java, node, dotnet] = [presets.has('java'), presets.has('node'), presets.has('dotnet')];
  return [
    ...(presets.has('python') ? [pythonTraces] : []),
    ...(presets.has('go') ? [goTraces] : []),
    ...(presets.has('php') ? [phpTraces] : []),
    ...(presets.has('ruby') ? [rubyTraces] : []),
    ...(java || node || dotnet ? [atTraces({ java, node, dotnet })] : []),
  ];
}

/** For each ASCII character a bit per grammar that has it in its set. */
function interestTable(sets: readonly string[]): Uint8Array {
  const table = new Uint8Array(128);
  for (const [index, set] of sets.entries()) {
    for (const character of set) {
      const code = character.charCodeAt(0);
      table[code] = (table[code] ?? 0) | (1 << index);
    }
  }
  return table;
}

const RETURN = 13;

class Fold implements TraceFold {
  readonly #grammars: readonly Grammar[];
  readonly #firsts: Uint8Array;
  readonly #lasts: Uint8Array;
  /** The grammar in charge and its state; 0 outside of traces. */
  #current = 0;
  #state = 0;
  /** The line before, when it is of no trace: what it is to a trace is found out only when one may follow. */
  #ordinary = '';

  constructor(grammars: readonly Grammar[], firsts: Uint8Array, lasts: Uint8Array) {
    this.#grammars = grammars;
    this.#firsts = firsts;
    this.#lasts = lasts;
  }

  continues(line: string): boolean {
    const look = visible(line);
    if (this.#state !== 0) {
      this.#state = this.#grammars[this.#current]?.next(this.#state, look) ?? 0;
      if (this.#state !== 0) return true;
    }
    const interest = (this.#firsts[look.charCodeAt(0)] ?? 0) | (this.#lasts[look.charCodeAt(look.length - 1)] ?? 0);
    const opened = interest === 0 ? 0 : this.#open(look, interest);
    this.#ordinary = opened === 0 ? look : '';
    this.#state = Math.abs(opened);
    return opened < 0;
  }

  #open(line: string, interest: number): number {
    for (let index = 0; index < this.#grammars.length; index++) {
      if ((interest & (1 << index)) === 0) continue;
      const opened = this.#grammars[index]?.open(line) ?? 0;
      if (opened === 0) continue;
      const state = decided(opened, ordinaryLine(this.#ordinary));
      if (state === 0) continue;
      this.#current = index;
      return state;
    }
    return 0;
  }

  reset(): void {
    this.#state = 0;
    this.#ordinary = '';
  }
}

function visible(line: string): string {
  const end = Math.min(line.length, MAX_LOOK_CHARACTERS);
  return line.charCodeAt(end - 1) === RETURN ? line.slice(0, end - 1) : end < line.length ? line.slice(0, end) : line;
}
