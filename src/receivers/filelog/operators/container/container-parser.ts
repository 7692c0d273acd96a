import { CriHeader } from './cri-header.ts';
import { parseDockerLine } from './docker-line.ts';
import type { Value } from '../entry.ts';
import { DOCKER_ATTRS_KEY, makeMarks, MarksTable, STREAM_KEY, type LineMarks } from './marks.ts';
import { Rfc3339 } from './rfc3339.ts';

export type ContainerFormat = '' | 'docker' | 'crio' | 'containerd';

const OPENING_BRACE = 0x7b;
const LETTER_F = 0x46;
const EMPTY = Buffer.alloc(0);

/** Takes the format of a container runtime off a line. After `parse` returned true, the fields hold what was in it. */
export class ContainerParser {
  /** The line is `body[bodyStart, bodyEnd)`. */
  body: Buffer = EMPTY;
  bodyStart = 0;
  bodyEnd = 0;
  seconds = 0;
  nanos = 0;
  marks: LineMarks;
  /** The next line of the stream goes on with this one. */
  isPartial = false;
  readonly #format: ContainerFormat;
  readonly #table = new MarksTable();
  readonly #cri = new CriHeader();
  readonly #dockerTime = new Rfc3339();
  readonly #full: { readonly stdout: LineMarks; readonly stderr: LineMarks };

  constructor(format: ContainerFormat) {
    this.#format = format;
    this.#full = { stdout: this.#table.find('stdout', 'F'), stderr: this.#table.find('stderr', 'F') };
    this.marks = this.#full.stdout;
  }

  parse(source: Buffer, start: number, end: number): boolean {
    const isDocker = this.#format === 'docker' || (this.#format === '' && source[start] === OPENING_BRACE);
    return isDocker ? this.#docker(source, start, end) : this.#criLine(source, start, end);
  }

  #criLine(source: Buffer, start: number, end: number): boolean {
    const header = this.#cri;
    if (!header.parse(source, start, end)) return false;
    this.body = source;
    this.bodyStart = header.bodyStart;
    this.bodyEnd = end;
    this.seconds = header.time.seconds;
    this.nanos = header.time.nanos;
    this.isPartial = header.isPartial;
    const { tagStart, tagEnd, stream } = header;
    const isFull = tagEnd === tagStart + 1 && source[tagStart] === LETTER_F;
    this.marks = isFull ? this.#full[stream] : this.#table.find(stream, source.toString('utf8', tagStart, tagEnd));
    return true;
  }

  #docker(source: Buffer, start: number, end: number): boolean {
    const line = parseDockerLine(source.toString('utf8', start, end), this.#dockerTime);
    if (line === undefined) return false;
    this.body = line.body;
    this.bodyStart = 0;
    this.bodyEnd = line.body.length;
    this.seconds = this.#dockerTime.seconds;
    this.nanos = this.#dockerTime.nanos;
    this.isPartial = line.isPartial;
    this.marks =
      line.attrs.size === 0
        ? this.#table.find(line.stream, undefined)
        : makeMarks(
            line.stream,
            new Map<string, Value>([
              [STREAM_KEY, line.stream],
              [DOCKER_ATTRS_KEY, new Map<string, Value>(line.attrs)],
            ]),
          );
    return true;
  }
}
