import * as z from 'zod';
import { errorMessage } from '../../../core/errors.ts';
import { goPattern } from '../../../core/go-pattern.ts';
import { ENCODING_NAMES, findEncoding, type Encoding } from './encodings.ts';
import { PatternSplitter } from './pattern-splitter.ts';
import { LineSplitter, type Splitter } from './splitter.ts';

/** Keys of the configuration that say how bytes become records. */

export const encodingSetting = () =>
  z
    .string()
    .default('utf-8')
    .superRefine((name, context) => {
      if (findEncoding(name) !== undefined) return;
      const message =
        name.toLowerCase() === 'nop'
          ? 'nop makes one record of a whole file, which is not available; leave it out, or use latin1 where bytes must be kept'
          : `"${name}" cannot be read; there are ${ENCODING_NAMES.join(', ')}`;
      context.addIssue({ code: 'custom', message });
    })
    .describe(
      'Encoding of the files: utf-8, utf-16le, utf-16be, utf-16 (a byte order mark decides; little-endian without one), latin1, iso-8859-15, windows-1252. A byte order mark is removed. Bytes that are no text become U+FFFD, also with utf-8-raw, because OTLP carries texts as valid UTF-8.',
    );

const pattern = () =>
  z.string().superRefine((source, context) => {
    try {
      linePattern(source);
    } catch (error) {
      context.addIssue({ code: 'custom', message: errorMessage(error) });
    }
  });

export const multilineSetting = () =>
  z
    .strictObject({
      line_start_pattern: pattern().default('').describe('A record begins where this matches, anywhere in a line.'),
      line_end_pattern: pattern().default('').describe('A record ends where this matches, anywhere in a line.'),
      omit_pattern: z.boolean().default(false).describe('Leaves what the pattern matched out of the record.'),
    })
    .refine(({ line_start_pattern, line_end_pattern }) => line_start_pattern === '' || line_end_pattern === '', {
      message: 'only one of line_start_pattern and line_end_pattern can be set',
    })
    .describe(
      'Records of several lines. Patterns have the syntax of Go; ^ and $ match at lines. The last record is sent when the next one begins, or after force_flush_period.',
    );

export type Multiline = z.output<ReturnType<typeof multilineSetting>>;

/** `encoding` as parsed above. */
export function configuredEncoding({ encoding }: { readonly encoding: string }): Encoding {
  const found = findEncoding(encoding);
  if (found === undefined) throw new Error(`no such encoding: ${encoding}`);
  return found;
}

export function makeSplitter(multiline: Multiline | undefined, encoding: Encoding): Splitter {
  const { line_start_pattern: start = '', line_end_pattern: end = '', omit_pattern: omit = false } = multiline ?? {};
  if (start !== '') return new PatternSplitter({ encoding, pattern: linePattern(start), side: 'start', omit });
  if (end !== '') return new PatternSplitter({ encoding, pattern: linePattern(end), side: 'end', omit });
  return new LineSplitter(encoding);
}

/** Escapes and classes, which stay, and the signs that are meant. */
const LINE_SIGNS = /\\[^]|\[(?:\\[^]|[^\]\\])*\]|[$^]/g;
const AT_LINES: Readonly<Record<string, string>> = { '^': '(?:^|(?<=\\n))', $: '(?:$|(?=\\r?\\n))' };

/** The pattern, matching at lines as Go's `(?m)` does: a lone return ends none, `\r\n` does. */
function linePattern(source: string): RegExp {
  const { source: translated, flags } = goPattern(source);
  const atLines = translated.replace(LINE_SIGNS, (found) => AT_LINES[found] ?? found);
  return new RegExp(atLines, `${flags.replace('m', '')}g`);
}
