import { isUtf8 } from 'node:buffer';
import { utf8 } from '../../otlp/wire.ts';
import { quotedText } from './sample-key.ts';
import { QUOTE, SPACE, TAB, type Format, type PageScanner } from './page-scanner.ts';

/** A HELP, TYPE or UNIT line. `text` is the help with its escapes resolved, the type word or the unit. */
export interface MetadataLine {
  readonly keyword: 'HELP' | 'TYPE' | 'UNIT';
  readonly name: string;
  readonly text: string;
}

const LINE = /^#([ \t]+)(HELP|TYPE|UNIT)([ \t]+)/;
const LEGACY_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;

/**
 * The metadata line from `page.pos` to `end` (its newline). Undefined for a comment, which text allows anywhere and
 * OpenMetrics nowhere.
 */
export function parseMetadataLine(page: PageScanner, end: number, format: Format): MetadataLine | undefined {
  const head = LINE.exec(page.latin1(page.pos, Math.min(end, page.pos + 64)));
  if (head === null || (format === 'text' && head[2] === 'UNIT')) {
    if (format === 'text') return undefined;
    throw page.fail('OpenMetrics has no comments; only # HELP, # TYPE, # UNIT and # EOF');
  }
  if (format === 'openmetrics' && (head[1] !== ' ' || head[3] !== ' ')) throw page.fail('more than one space');
  page.pos += head[0].length;
  const name = metadataName(page, end);
  const keyword = keywordOf(head[2]);
  return { keyword, name, text: metadataText(page, end, keyword, format) };
}

function keywordOf(word: string | undefined): MetadataLine['keyword'] {
  return word === 'TYPE' || word === 'UNIT' ? word : 'HELP';
}

function metadataName(page: PageScanner, end: number): string {
  if (page.byte() === QUOTE) {
    const name = quotedText(page);
    if (name !== '') return name;
  } else {
    const match = LEGACY_NAME.exec(page.latin1(page.pos, end));
    const c = match === null ? 0 : page.bytes[page.pos + match[0].length];
    if (match !== null && (c === SPACE || c === TAB || page.pos + match[0].length === end)) {
      page.pos += match[0].length;
      return match[0];
    }
  }
  throw page.fail('the metadata line names no metric');
}

function metadataText(page: PageScanner, end: number, keyword: string, format: Format): string {
  if (page.pos < end && page.byte() !== SPACE && page.byte() !== TAB)
    throw page.fail('behind the name a space is missing');
  if (format === 'openmetrics' && page.pos === end) throw page.fail('behind the name a space is missing');
  if (format === 'openmetrics') page.pos += 1;
  else page.skipBlanks();
  const bytes = page.bytes.subarray(page.pos, end);
  if (!isUtf8(bytes)) throw page.fail('the text is not UTF-8');
  const text = utf8(page.bytes, page.pos, end);
  page.pos = end;
  if (keyword !== 'HELP') return format === 'text' ? text.trimEnd() : text;
  return text.replaceAll(format === 'text' ? /\\([\\n])/g : /\\([\\"n])/g, (_, c: string) => (c === 'n' ? '\n' : c));
}
