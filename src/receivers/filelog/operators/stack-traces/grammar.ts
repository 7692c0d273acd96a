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
  /** Outside of a trace: the state in which the line leaves it, wrapped in what it does to the record before (see `joins`), else 0. */
  open(line: string): number;
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

/** From which line before a trace goes on with it; 0 is none, so that a plain state starts a record. */
const JOIN_SHIFT = 24;
const JOINS = 1;
const JOINS_TROUBLE = 2;
const JOINS_HIGH = 3;
const ONLY_JOINS = 4;

/** Goes on with the record before unless that one is complete. */
export function joins(state: number): number {
  return state | (JOINS << JOIN_SHIFT);
}

/** Goes on with the record before unless that one is complete or says that nothing is wrong. */
export function joinsTrouble(state: number): number {
  return state | (JOINS_TROUBLE << JOIN_SHIFT);
}

/** Goes on with the record before only when that one names a high level. */
export function joinsHigh(state: number): number {
  return state | (JOINS_HIGH << JOIN_SHIFT);
}

/** As `joins`, and is no trace at all when there is nothing to join. */
export function onlyJoins(state: number): number {
  return state | (ONLY_JOINS << JOIN_SHIFT);
}

/** What `open` returned, decided: a state when the line starts a record, its negative when it goes on with the one before, else 0. */
export function decided(opened: number, before: Before): number {
  const state = opened & ((1 << JOIN_SHIFT) - 1);
  switch (opened >> JOIN_SHIFT) {
    case JOINS:
      return before === BEFORE.closed ? state : -state;
    case JOINS_TROUBLE:
      return before < BEFORE.plain ? state : -state;
    case JOINS_HIGH:
      return before === BEFORE.high ? -state : state;
    case ONLY_JOINS:
      return before === BEFORE.closed ? 0 : -state;
    default:
      return state;
  }
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
