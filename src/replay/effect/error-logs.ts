import { LOG } from '../../otlp/fields.ts';
import { readAnyValue } from '../../otlp/value.ts';
import { valueText } from '../../otlp/value-text.ts';
import { Cursor, I64, LEN } from '../../otlp/wire.ts';
import type { ItemView } from './item-reader.ts';
import { severityName } from './measure.ts';
import type { Side } from './span-table.ts';

/** What became of the error logs of one fixture that the old configuration delivers. */
export interface ErrorLogEffect {
  /** How many less the new one delivers. */
  readonly lost: number;
  /** How many the new one delivers neither as they were, nor with another body or time. Some of them may have both changed. */
  readonly gone: number;
  /** The first of those by what they say, and how many say it; their bodies may be long. */
  readonly examples: ReadonlyMap<string, number>;
}

const EXAMPLES = 10;
/** Records that can be named, the first ones, and what is kept of each: some megabytes. */
export const MAX_NAMED = 4_000;
const MAX_TEXT = 1_024;

interface ErrorLog {
  /** Hashes of 53 bits: of its times and ids, and of its body. */
  readonly moment: number;
  readonly body: number;
  /** Undefined beyond the bound. */
  readonly text: string | undefined;
  /** How often the old configuration delivers it and the new one does not. */
  missing: number;
}

/**
 * The error logs of one fixture. They have no id: one that arrives again is the one with the same times and body, else one
 * with the same times whose body was changed on the way, else one with the same body at another time.
 */
export class ErrorLogs {
  /** By identity, in the order in which the old configuration delivers them. */
  readonly #logs = new Map<number, ErrorLog>();
  /** What only the new one delivers. */
  readonly #gained: Pick<ErrorLog, 'moment' | 'body'>[] = [];
  readonly #counts = { old: 0, new: 0 };

  /** What several exporters deliver is one. The old configuration comes first. */
  arrived(side: Side, view: ItemView): void {
    this.#counts[side] += 1;
    const known = this.#logs.get(view.identity);
    if (side === 'old') {
      if (known === undefined) this.#logs.set(view.identity, this.#logOf(view));
      else known.missing += 1;
    } else if (known !== undefined && known.missing > 0) known.missing -= 1;
    else this.#gained.push({ moment: view.moment, body: view.body });
  }

  effect(): ErrorLogEffect {
    const missing = [...this.#logs.values()].flatMap((log) => new Array<ErrorLog>(log.missing).fill(log));
    const gone = withoutChanged(missing, this.#gained);
    const texts = Map.groupBy(gone, ({ text }) => text);
    return {
      lost: Math.max(0, this.#counts.old - this.#counts.new),
      gone: gone.length,
      examples: new Map(
        [...texts]
          .flatMap(([text, all]) => (text === undefined ? [] : [[text, all.length] as const]))
          .slice(0, EXAMPLES),
      ),
    };
  }

  #logOf(view: ItemView): ErrorLog {
    const text = this.#logs.size < MAX_NAMED ? textOf(view) : undefined;
    return { moment: view.moment, body: view.body, text, missing: 1 };
  }
}

type Marks = Pick<ErrorLog, 'moment' | 'body'>;

/** Those that have no counterpart in what came instead. */
function withoutChanged(missing: readonly ErrorLog[], gained: readonly Marks[]): readonly ErrorLog[] {
  let [left, others] = [missing, gained];
  for (const mark of ['moment', 'body'] as const) {
    if (left.length === 0 || others.length === 0) break;
    const byMark = Map.groupBy(others, (one) => one[mark]);
    const found = new Set<Marks>();
    left = left.filter((log) => {
      const other = byMark.get(log[mark])?.pop();
      if (other !== undefined) found.add(other);
      return other === undefined;
    });
    others = others.filter((one) => !found.has(one));
  }
  return left;
}

/** `shop: 2026-06-01T00:00:01.000Z ERROR card declined`, the first line of the body as far as there is room. */
function textOf({ source, start, end, service, severity }: ItemView): string {
  let [time, observed, body] = [0n, 0n, ''];
  for (const at = new Cursor(source, start, end); at.next();) {
    if (at.field === LOG.timeUnixNano && at.wireType === I64) time = at.fixed64();
    else if (at.field === LOG.observedTimeUnixNano && at.wireType === I64) observed = at.fixed64();
    else if (at.field === LOG.body && at.wireType === LEN)
      [body = ''] = valueText(readAnyValue(at)).trimStart().split('\n', 1);
  }
  const wall = new Date(Number((time === 0n ? observed : time) / 1_000_000n)).toISOString();
  return `${service === '' ? '(none)' : service}: ${wall} ${severityName(severity)} ${body}`.slice(0, MAX_TEXT);
}
