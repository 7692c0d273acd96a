import { EXEMPLAR } from '../../otlp/fields.ts';
import { Writer } from '../../otlp/writer.ts';
import { CLOSE, COMMA, EQUALS, HASH, NEWLINE, OPEN, SPACE, type PageScanner } from './page-scanner.ts';
import { quotedText } from './sample-key.ts';
import { writeAttributes } from './series.ts';
import { Nanos } from '../../otlp/nanos.ts';

/** OpenMetrics: the names and values of an exemplar's labels are at most this many characters together. */
const MAX_LABEL_CHARACTERS = 128;
const TRACE_ID = /^[0-9a-f]{32}$/i;
const SPAN_ID = /^[0-9a-f]{16}$/i;
const ZEROS = /^0+$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The exemplars of one page, encoded as OTLP but for their time when the page gave none. */
export class ExemplarList {
  readonly writer = new Writer(1024);
  /** Start and end in the writer's buffer, by entry. */
  readonly ranges = new Map<number, { readonly start: number; readonly end: number; readonly timed: boolean }>();

  clear(): void {
    if (this.ranges.size > 0) this.ranges.clear();
    this.writer.pos = 0;
  }
}

const time = new Nanos();

/** `# {labels} value [timestamp]`, from its hash to the end of the line. */
export function parseExemplar(page: PageScanner, entry: number, list: ExemplarList): void {
  if (page.byte() !== HASH) throw page.fail('an exemplar starts with #');
  page.pos += 1;
  space(page);
  const labels = exemplarLabels(page);
  space(page);
  const value = page.number();
  let timed = false;
  if (page.byte() !== NEWLINE) {
    space(page);
    time.set(page.seconds());
    timed = true;
  }
  const { writer } = list;
  const start = writer.pos;
  if (timed) writer.fixed64Parts(EXEMPLAR.timeUnixNano, time.low, time.high);
  writeExemplar(writer, value, labels);
  list.ranges.set(entry, { start, end: writer.pos, timed });
}

/** Keeps the exemplar of an entry; `stampMs` is NaN when it has no time of its own. */
export function addExemplar(list: ExemplarList, entry: number, exemplar: ParsedExemplar): void {
  const { writer } = list;
  const start = writer.pos;
  const timed = !Number.isNaN(exemplar.stampMs);
  writeTimedExemplar(writer, exemplar);
  list.ranges.set(entry, { start, end: writer.pos, timed });
}

export interface ParsedExemplar {
  value: number;
  stampMs: number;
  /** Names and values in turn. */
  readonly labels: string[];
}

/** Exemplar { fixed64 time_unix_nano = 2; double as_double = 3; span_id = 4; trace_id = 5; filtered_attributes = 7; } */
export function writeTimedExemplar(writer: Writer, { value, stampMs, labels }: ParsedExemplar): void {
  if (!Number.isNaN(stampMs)) {
    time.set(stampMs);
    writer.fixed64Parts(EXEMPLAR.timeUnixNano, time.low, time.high);
  }
  writeExemplar(writer, value, labels);
}

function writeExemplar(writer: Writer, value: number, labels: readonly string[]): void {
  writer.double(EXEMPLAR.asDouble, value);
  writeExemplarLabels(writer, labels);
}

function space(page: PageScanner): void {
  if (page.byte() !== SPACE) throw page.fail('in an exemplar a space is missing');
  page.pos += 1;
}

function exemplarLabels(page: PageScanner): string[] {
  const labels: string[] = [];
  if (page.byte() !== OPEN) throw page.fail('the labels of an exemplar are missing');
  page.pos += 1;
  let characters = 0;
  while (page.byte() !== CLOSE) {
    const name = exemplarLabelName(page);
    const value = quotedText(page);
    characters += characterCount(name) + characterCount(value);
    for (let at = 0; at < labels.length; at += 2) {
      if (labels[at] === name) throw page.fail(`label "${name}" of an exemplar is given twice`);
    }
    labels.push(name, value);
    if (page.byte() === COMMA) {
      page.pos += 1;
      if (page.byte() === CLOSE) throw page.fail('OpenMetrics allows no comma before }');
    } else if (page.byte() !== CLOSE) throw page.fail('between the labels of an exemplar a comma is missing');
  }
  page.pos += 1;
  if (characters > MAX_LABEL_CHARACTERS) {
    throw page.fail(`the labels of an exemplar have more than ${MAX_LABEL_CHARACTERS} characters`);
  }
  return labels;
}

/** Unicode characters, as the limit counts them. */
function characterCount(text: string): number {
  return Array.from(text).length;
}

function exemplarLabelName(page: PageScanner): string {
  if (page.byte() === 0x22) {
    const quoted = quotedText(page);
    if (quoted === '' || page.byte() !== EQUALS) throw page.fail('a label of an exemplar has no name or no value');
    page.pos += 1;
    return quoted;
  }
  const at = page.bytes.indexOf(EQUALS, page.pos);
  const name = at < 0 || at > page.pos + 1024 ? '' : page.latin1(page.pos, at);
  if (!LABEL_NAME.test(name)) throw page.fail('a label of an exemplar has no name');
  page.pos = at + 1;
  return name;
}

/** trace_id and span_id that are valid become ids, everything else a filtered attribute. */
function writeExemplarLabels(writer: Writer, labels: readonly string[]): void {
  const rest: string[] = [];
  for (let at = 0; at < labels.length; at += 2) {
    const name = labels[at] ?? '';
    const value = labels[at + 1] ?? '';
    const isId = !ZEROS.test(value);
    if (name === 'trace_id' && isId && TRACE_ID.test(value)) writer.bytes(EXEMPLAR.traceId, Buffer.from(value, 'hex'));
    else if (name === 'span_id' && isId && SPAN_ID.test(value))
      writer.bytes(EXEMPLAR.spanId, Buffer.from(value, 'hex'));
    else rest.push(name, value);
  }
  writeAttributes(writer, EXEMPLAR.filteredAttributes, rest);
}
