import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import type { LogFields, Logger } from '../core/logger.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogEncoding = 'text' | 'json';

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LogOptions {
  readonly level: LogLevel;
  readonly encoding: LogEncoding;
  readonly clock: Clock;
  /** Takes one finished line, with its newline. */
  readonly write: (line: string) => void;
  /** Repeats of one sentence of one component inside `tickMs`: the first `initial` are written, then each `thereafter`th. */
  readonly sampling?: { readonly tickMs: number; readonly initial: number; readonly thereafter: number } | undefined;
}

interface Repeats {
  sinceMs: number;
  count: number;
  suppressed: number;
}

/** Sentences whose repeats are being counted; beyond it the oldest is forgotten. */
const MAX_TRACKED = 1000;

/** The process's log: one line a sentence, with fields; text received from outside never breaks a line. */
export class Log {
  readonly #options: LogOptions;
  readonly #repeats = new LRUCache<string, Repeats>({ max: MAX_TRACKED });

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** A logger that puts `fields` (such as the component's id) on every line. */
  logger(fields: LogFields = {}): Logger {
    const at = (level: LogLevel) => (message: string, more?: LogFields) => {
      this.#line(level, message, { ...fields, ...more }, String(fields['component'] ?? ''));
    };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  #line(level: LogLevel, message: string, fields: LogFields, component: string): void {
    const { level: threshold, encoding, clock, write } = this.#options;
    if (RANK[level] < RANK[threshold]) return;
    const suppressed = this.#admit(`${level}${component}\n${message}`);
    if (suppressed === undefined) return;
    const all = suppressed === 0 ? fields : { ...fields, suppressed };
    const time = new Date(clock.now()).toISOString();
    write(encoding === 'json' ? jsonLine(time, level, message, all) : textLine(time, level, message, all));
  }

  /** How many repeats were left out before this one, or undefined when this one is left out too. */
  #admit(key: string): number | undefined {
    const { sampling, clock } = this.#options;
    if (sampling === undefined) return 0;
    const nowMs = clock.monotonic();
    let repeats = this.#repeats.get(key);
    if (repeats === undefined || nowMs - repeats.sinceMs >= sampling.tickMs) {
      const suppressed = repeats?.suppressed ?? 0;
      repeats = { sinceMs: nowMs, count: 0, suppressed };
      this.#repeats.set(key, repeats);
    }
    repeats.count += 1;
    const over = repeats.count - sampling.initial;
    if (over > 0 && (sampling.thereafter === 0 || over % sampling.thereafter !== 0)) {
      repeats.suppressed += 1;
      return undefined;
    }
    const { suppressed } = repeats;
    repeats.suppressed = 0;
    return suppressed;
  }
}

function jsonLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  return `${escapeUnsafe(JSON.stringify({ time, level, message, ...fields }))}\n`;
}

function textLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${time} ${level.toUpperCase().padEnd(5)} ${printable(message)}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${key}=${fieldText(value)}`;
  }
  return `${line}\n`;
}

function fieldText(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  return /^[\w.:/@+-]+$/.test(value) ? value : escapeUnsafe(JSON.stringify(value));
}

/** Line ends and escapes for terminals made visible. */
function printable(text: string): string {
  return escapeUnsafe(text.replace(/[\u0000-\u001f]/g, (control) => JSON.stringify(control).slice(1, -1)));
}

/** What JSON allows unescaped although it starts escapes on terminals (C1) or ends lines for some readers. */
function escapeUnsafe(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
