import type { Spans } from './spans.ts';

/** Credentials that are known by what they look like, wherever they stand. */

/** Not within a longer word; what is escaped, in JSON or in an address, is not of the word. */
const START = String.raw`(?:(?<![\w-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))`;

/** Of a service, with the prefix that it gives them. */
const TOKENS: readonly string[] = [
  'gh[pousr]_[A-Za-z0-9]{20,}',
  String.raw`github_pat_\w{20,}`,
  String.raw`gl(?:pat|oat|rt|dt|ptt|cbt)-[\w-]{16,}`,
  String.raw`xox[a-z]-[\w-]{10,}`,
  String.raw`xapp-[\w-]{10,}`,
  '(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])',
  String.raw`sk-(?!(?:[a-z]+-)*[a-z]+(?![\w-]))[\w-]{20,}`,
  '[rs]k_(?:live|test)_[A-Za-z0-9]{10,}',
  String.raw`AIza[\w-]{35}`,
  String.raw`ya29\.[\w-]{20,}`,
  'npm_[A-Za-z0-9]{36}',
  'hf_[A-Za-z0-9]{30,}',
  String.raw`SG\.[\w-]{16,}\.[\w-]{16,}`,
  String.raw`eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){1,3}`,
];

/** Each with what stays of it in the first group. */
export const SHAPES: readonly RegExp[] = [
  new RegExp(`(${START})(${TOKENS.join('|')})`, 'g'),
  // A word of prose is none: "Basic authentication".
  /(\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC)\s{1,8})((?!(?:[A-Z]?[a-z]{0,22}|[A-Z]{0,22})(?![\w~+/=-]|\.\w))[\w.~+/-]{8,}={0,2})/g,
  /(aws_?secret_?access_?key\W{1,10})([A-Za-z0-9/+]{40})/gi,
  /(hooks\.slack\.com\/services\/)([\w/]{10,})/g,
  /(\bIDENTIFIED\s{1,4}BY\s{1,4})((?!(?:PASSWORD|VALUES)\b|['"\\[])[^\s;,'"\\]+)/g,
];

/** Finds what has this shape. */
export function findShape(text: string, shape: RegExp, spans: Spans): void {
  for (const { index, 0: found, 2: value = '' } of text.matchAll(shape)) {
    spans.add(index + found.length - value.length, index + found.length);
  }
}

/** What a text must have to hold one of them. */
export const SHAPE_SIGNS: readonly string[] = [
  'gh[pousr]_',
  'github_pat_',
  'gl(?:pat|oat|rt|dt|ptt|cbt)-',
  'xox[a-z]-',
  'xapp-',
  'AKIA|ASIA',
  'sk-',
  '[rs]k_(?:live|test)_',
  'AIza',
  String.raw`ya29\.`,
  'npm_',
  'hf_',
  String.raw`SG\.`,
  'eyJ',
  'bearer',
  'basic',
  String.raw`hooks\.slack\.com`,
  String.raw`identified\s`,
  'PRIVATE KEY',
  String.raw`:\/\/[^\s"\/:@]*:(?:[^\s"\/@]*|[^\s"@]{0,64})@`,
];
