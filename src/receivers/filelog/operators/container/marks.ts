import { LOG } from '../../../../otlp/fields.ts';
import { Writer } from '../../../../otlp/writer.ts';
import { writeEntryPair } from '../../encode/entry-value.ts';
import type { Value } from '../entry.ts';

/** What the runtime of a container tells of a line, as attributes. Lines that say the same share one object. */
export interface LineMarks {
  /** `stdout` or `stderr`: lines of different streams are different sources. */
  readonly stream: string;
  readonly attributes: ReadonlyMap<string, Value>;
  /** The same as `repeated KeyValue attributes = 6` of LogRecord. */
  readonly encoded: Uint8Array;
}

export const STREAM_KEY = 'log.iostream';
export const TAG_KEY = 'logtag';
/** What Docker was told to add to every line. */
export const DOCKER_ATTRS_KEY = 'attrs';
const MAX_KNOWN = 64;

/** Makes marks, and remembers those that come again. */
export class MarksTable {
  readonly #known = new Map<string, LineMarks>();

  /** `tag`: of the CRI format; undefined where there are none. */
  find(stream: string, tag: string | undefined): LineMarks {
    const key = `${stream} ${tag ?? ''}`;
    let marks = this.#known.get(key);
    if (marks === undefined) {
      const attributes = new Map<string, Value>([[STREAM_KEY, stream]]);
      if (tag !== undefined) attributes.set(TAG_KEY, tag);
      marks = makeMarks(stream, attributes);
      if (this.#known.size < MAX_KNOWN) this.#known.set(key, marks);
    }
    return marks;
  }
}

export function makeMarks(stream: string, attributes: ReadonlyMap<string, Value>): LineMarks {
  const writer = new Writer(128);
  for (const [key, value] of attributes) writeEntryPair(writer, LOG.attributes, key, value);
  return { stream, attributes, encoded: writer.take() };
}
