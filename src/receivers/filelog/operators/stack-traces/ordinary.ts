import { BEFORE, isBlank, type Before } from './grammar.ts';

/** A level stands early in a line; further on the words are the message. */
const LEVEL_CHARACTERS = 64;
const BRACE = 123;

const LOW_WORDS = [
  'info',
  'information',
  'debug',
  'dbg',
  'trace',
  'trc',
  'notice',
  'verbose',
  'fine',
  'finer',
  'finest',
];
const HIGH_WORDS = [
  'err',
  'error',
  'warn',
  'warning',
  'wrn',
  'fatal',
  'critical',
  'severe',
  'alert',
  'panic',
  'exception',
  'failed',
];
const WORDS = new Map<string, Before>([
  ...LOW_WORDS.map((word): [string, Before] => [word, BEFORE.low]),
  ...HIGH_WORDS.map((word): [string, Before] => [word, BEFORE.high]),
]);

/** Marks the packed first three letters of the words above, so that other words cost no lookup. */
const PREFIXES = new Uint8Array(1 << 15);
for (const word of WORDS.keys()) PREFIXES[packed(word.charCodeAt(0), word.charCodeAt(1), word.charCodeAt(2))] = 1;

function packed(first: number, second: number, third: number): number {
  return ((first & 31) << 10) | ((second & 31) << 5) | (third & 31);
}

/** What a line outside of any trace is to a trace that may follow it; looks at its first 64 characters. */
export function ordinaryLine(line: string): Before {
  if (line.charCodeAt(0) === BRACE || isBlank(line)) return BEFORE.closed;
  const end = Math.min(line.length, LEVEL_CHARACTERS);
  let from = 0;
  for (let at = 0; at <= end; at++) {
    const letter = at < end ? line.charCodeAt(at) | 32 : 0;
    if (letter >= 97 && letter <= 122) continue;
    if (at - from >= 3) {
      const level = levelOf(line, from, at);
      if (level !== BEFORE.closed) return level;
    }
    from = at + 1;
  }
  return BEFORE.plain;
}

function levelOf(line: string, from: number, to: number): Before {
  const key = packed(line.charCodeAt(from), line.charCodeAt(from + 1), line.charCodeAt(from + 2));
  if (PREFIXES[key] !== 1) return BEFORE.closed;
  return WORDS.get(line.slice(from, to).toLowerCase()) ?? BEFORE.closed;
}

/** How log lines and other traces begin: a date or time, a level, a bracket, JSON, logfmt, syslog, klog, and the first lines of traces. */
const RECORD_START = new RegExp(
  [
    String.raw`\d{4}[-/.]\d|\d{1,2}[:/]\d\d|\d{9}|\d+\.\d+\.\d+\.\d|<\d|\[|\{|"[^"]*" #\d`,
    String.raw`(?:INFO|DEBUG|TRACE|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|CONFIG|FINE|FINER|FINEST)(?:[\s:|\]]|$)`,
    String.raw`(?:trce|dbug|info|warn|fail|crit|error|debug): |(?:time|ts|level|lvl|msg)=`,
    String.raw`(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +\w`,
    String.raw`[IWEF]\d{4} |[DIWEFA], \[`,
    String.raw`Traceback \(|panic: |fatal error: |goroutine \d|PHP |Unhandled [Ee]xception|Exception in thread |Stack trace:`,
  ].join('|'),
  'y',
);

/** Whether a line that may be the rest of a message is rather the start of something new. */
export function startsRecord(line: string): boolean {
  RECORD_START.lastIndex = 0;
  return RECORD_START.test(line);
}
