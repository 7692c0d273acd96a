import type { Rfc3339 } from './rfc3339.ts';

/** A line of Docker's json-file driver. */
export interface DockerLine {
  readonly body: Buffer;
  readonly stream: string;
  /** Docker cuts lines at 16 KiB: the cut parts lack the line end. So may a last line, which is short. */
  readonly isPartial: boolean;
  /** Labels and variables that the driver was told to add (`--log-opt labels`). */
  readonly attrs: ReadonlyMap<string, string>;
}

/**
 *   {"log":"a line\n","stream":"stdout","time":"2024-03-30T08:31:20.545192187Z","attrs":{"tag":"x"}}
 *
 * Puts the time into `time`. Undefined when the line is not of this form.
 */
export function parseDockerLine(text: string, time: Rfc3339): DockerLine | undefined {
  const json = parse(text);
  if (typeof json !== 'object' || json === null || !('log' in json) || !('time' in json)) return undefined;
  const { log, time: written } = json;
  const stream = 'stream' in json ? json.stream : 'stdout';
  if (typeof log !== 'string' || typeof written !== 'string' || typeof stream !== 'string') return undefined;
  const timeBytes = Buffer.from(written, 'latin1');
  if (time.parse(timeBytes, 0, timeBytes.length) !== timeBytes.length) return undefined;
  const isEnded = log.endsWith('\n');
  const body = Buffer.from(isEnded ? log.slice(0, -1) : log, 'utf8');
  return {
    body,
    stream,
    isPartial: !isEnded && body.length >= MIN_CUT_BYTES,
    attrs: attributes('attrs' in json ? json.attrs : undefined),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function attributes(attrs: unknown): ReadonlyMap<string, string> {
  if (typeof attrs !== 'object' || attrs === null) return NONE;
  return new Map(Object.entries(attrs).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])));
}

/** Somewhat under 16 KiB, because Docker replaces bytes that are not UTF-8. */
const MIN_CUT_BYTES = 15 * 1024;
const NONE: ReadonlyMap<string, string> = new Map();
