/** What the line before is to a trace that might belong to it. */
export const BEFORE = {
  /** Complete in itself: blank, JSON, part of another trace, or nothing before at all. */
  closed: 0,
  /** Names a level below warning. */
  low: 1,
  plain: 2,
  /** Names a level from warning up, or a failure. */
  high: 3,
} as const;
export type Before = (typeof BEFORE)[keyof typeof BEFORE];

/**
 * The rules of one family of traces. A state is a positive integer of the grammar's own (kind, flags and a count of lines, see `counted`);
 * 0 says "not mine". Grammars hold no data: the fold owns the state.
 */
export interface Grammar {
  /** First characters of the lines that `open` has to see; every other line is not shown to it. */
  readonly firsts: string;
  /** Last characters of the lines that `open` has to see as well. */
  readonly lasts: string;
  /** Inside of a trace: the next state when the line goes on with it, else 0. */
  next(state: number, line: string): number;
  /** Outside of a trace: a state when the line starts a record with a trace, its negative when it goes on with the record before, else 0. */
  open(line: string, before: Before): number;
}

/** Lines of a message between a header and its first frame: above this the header had no frames, and lines are ordinary again. */
const MESSAGE_LINES_LIMIT = 64;
const COUNT_SHIFT = 8;
const KIND_MASK = (1 << COUNT_SHIFT) - 1;

export function kindOf(state: number): number {
  return state & KIND_MASK;
}

/** The state with one more line counted, or 0 when there were too many. */
export function counted(state: number): number {
  return state >> COUNT_SHIFT < MESSAGE_LINES_LIMIT ? state + (1 << COUNT_SHIFT) : 0;
}

/** Joins the record before unless that one is complete. */
export function joins(state: number, before: Before): number {
  return before === BEFORE.closed ? state : -state;
}

/** Joins the record before unless that one is complete or says that nothing is wrong. */
export function joinsTrouble(state: number, before: Before): number {
  return before >= BEFORE.plain ? -state : state;
}

export function isBlank(line: string): boolean {
  return textStart(line) === line.length;
}

export function isIndented(line: string): boolean {
  const first = line.charCodeAt(0);
  return first === 32 || first === 9;
}

/** Index of the first character that is neither space nor tab. */
export function textStart(line: string): number {
  let at = 0;
  while (at < line.length && (line.charCodeAt(at) === 32 || line.charCodeAt(at) === 9)) at++;
  return at;
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
