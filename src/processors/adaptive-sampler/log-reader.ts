import { LOG } from '../../otlp/fields.ts';
import { isTraceId, TRACE_ID_BYTES } from '../../otlp/sampling/randomness.ts';
import { Cursor, LEN, VARINT } from '../../otlp/wire.ts';
import type { WantedAttributes } from '../../otlp/wanted-attributes.ts';

/** The lowest severity number of an error. */
const ERROR = 17;

/** Severity numbers come in groups of four: TRACE, DEBUG, INFO, WARN, ERROR, FATAL. */
const GROUP = 4;

/** What the sampler wants to know of a log record. Reused: valid until the next record. */
export class LogReader {
  /** Where the 16 bytes of the trace id stand; -1 when it is absent, all zero or of another length. */
  traceIdAt = -1;
  /** 1 (TRACE) to 6 (FATAL); 0 when there is no severity number, and the text says it. */
  severity = 0;
  isError = false;
  severityStart = 0;
  severityEnd = 0;
  /** The content of the AnyValue. */
  bodyStart = 0;
  bodyEnd = 0;
  eventStart = 0;
  eventEnd = 0;
  readonly #attributes: WantedAttributes;
  readonly #cursor = new Cursor();

  constructor(attributes: WantedAttributes) {
    this.#attributes = attributes;
  }

  /** Throws payload_malformed. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.traceIdAt = -1;
    this.severity = 0;
    this.severityStart = 0;
    this.severityEnd = 0;
    this.bodyStart = 0;
    this.bodyEnd = 0;
    this.eventStart = 0;
    this.eventEnd = 0;
    this.#attributes.reset();
    let number = 0;
    const at = this.#cursor;
    for (at.reset(bytes, start, end); at.next();) {
      if (at.wireType === LEN) this.#field(at);
      else if (at.field === LOG.severityNumber && at.wireType === VARINT) number = at.int32();
    }
    this.severity = number > 0 ? Math.ceil(number / GROUP) : 0;
    this.isError = number > 0 ? number >= ERROR : saysError(bytes, this.severityStart, this.severityEnd);
  }

  release(): void {
    this.#cursor.reset(EMPTY, 0, 0);
  }

  #field(at: Cursor): void {
    const { start, end, bytes } = at;
    switch (at.field) {
      case LOG.attributes:
        this.#attributes.offer(bytes, start, end);
        return;
      case LOG.traceId:
        this.traceIdAt = end - start === TRACE_ID_BYTES && isTraceId(bytes, start) ? start : -1;
        return;
      case LOG.severityText:
        this.severityStart = start;
        this.severityEnd = end;
        return;
      case LOG.body:
        this.bodyStart = start;
        this.bodyEnd = end;
        return;
      case LOG.eventName:
        this.eventStart = start;
        this.eventEnd = end;
    }
  }
}

const EMPTY = new Uint8Array(0);

/** Of a record without a number: its text begins with one of these, in any case. */
const ERROR_WORDS = ['err', 'fatal', 'crit', 'alert', 'emerg', 'panic'].map((word) => Buffer.from(word));

function saysError(bytes: Uint8Array, start: number, end: number): boolean {
  for (const word of ERROR_WORDS) if (startsWith(bytes, start, end, word)) return true;
  return false;
}

function startsWith(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start < word.length) return false;
  for (let i = 0; i < word.length; i++) if (((bytes[start + i] ?? 0) | 0x20) !== word[i]) return false;
  return true;
}
