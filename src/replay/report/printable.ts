/** Control characters, the ends of lines that Unicode has besides, and marks that turn the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text of a fixture or of telemetry as part of one line: it steers no terminal, and it cannot begin a line of the log of a CI
 * system, which reads commands from there (GitHub Actions: `::name::` at the beginning of a line, `##[name]` anywhere).
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escapeOf).replaceAll('##[', '## [');
}

/** A message of ours, which may have several lines and may quote others in them. */
export function printableLines(text: string, indent = ''): string {
  return text
    .split('\n')
    .map((line) => indent + printable(line).replace(/^(\s*)::/, '$1\\::'))
    .join('\n');
}

function escapeOf(char: string): string {
  if (char === '\n') return '\\n';
  if (char === '\r') return '\\r';
  if (char === '\t') return '\\t';
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
