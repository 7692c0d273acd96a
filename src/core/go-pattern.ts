import { asError, RemoraError } from './errors.ts';

/** Flags at the start of a pattern, for example `(?i)`. U (ungreedy) has no counterpart. */
const LEADING_FLAGS = /^\(\?([ims]+)\)/;

/** What Go writes otherwise, where the meaning is the same. Groups: an escape, which stays, or the construct. */
const DIFFERENT = /\\A|\\z|\\[^]|\(\?P</g;
const SPELLED: Readonly<Record<string, string>> = { '\\A': '(?<![^])', '\\z': '(?![^])', '(?P<': '(?<' };

/**
 * A pattern in the syntax of Go's regexp package, as Collector configurations write them, for matching anywhere in a
 * text. Throws config_invalid for what is not a pattern, or one that cannot be carried over. Unlike Go's, a match may
 * take time that grows faster than the text, so nested repetitions such as `(a+)+` are to be avoided.
 */
export function goPattern(pattern: string): RegExp {
  if (/\[\[:\^?\w+:\]/.test(pattern)) throw invalid(pattern, 'character classes such as [[:alpha:]] are not available');
  const flags = LEADING_FLAGS.exec(pattern);
  const body = pattern.slice(flags?.[0].length ?? 0).replace(DIFFERENT, (found) => SPELLED[found] ?? found);
  const unique = [...new Set(flags?.[1] ?? '')].join('');
  try {
    return new RegExp(body, `${unique}u`);
  } catch (error) {
    // Go allows escapes of plain characters (`\-`), which JavaScript allows only without the u flag.
    return withoutUnicode(pattern, body, unique, error);
  }
}

/** The names of all groups in the order of their numbers; undefined when one of them has no name. */
export function groupNames(pattern: RegExp): string[] | undefined {
  const empty = new RegExp(`${pattern.source}|`, pattern.flags).exec('');
  const names = Object.keys(empty?.groups ?? {});
  return names.length === (empty?.length ?? 1) - 1 ? names : undefined;
}

function withoutUnicode(pattern: string, body: string, flags: string, error: unknown): RegExp {
  if (/\\[pP]/.test(body)) throw invalid(pattern, asError(error).message);
  try {
    return new RegExp(body, flags);
  } catch (failure) {
    throw invalid(pattern, asError(failure).message);
  }
}

function invalid(pattern: string, reason: string): RemoraError {
  return new RemoraError('config_invalid', `"${pattern}" is not a usable pattern: ${reason}`);
}
