import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/property.ts';
import { ANY_VALUE, KEY_VALUE, LOG, SPAN, STATUS } from '../../../src/otlp/fields.ts';
import { WantedAttributes } from '../../../src/otlp/wanted-attributes.ts';
import { I32 } from '../../../src/otlp/wire.ts';
import { Writer } from '../../../src/otlp/writer.ts';
import { LogReader } from '../../../src/processors/adaptive-sampler/log-reader.ts';
import { SpanReader } from '../../../src/processors/adaptive-sampler/span-reader.ts';

/**
 * What is read of spans and log records, against what protobuf says about their fields one by one: of a field that comes
 * again the last counts, of a message that comes again the fields are merged, and of attributes with one key the first
 * counts. Any fields, in any order and number.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 500);

/** One field: how it is written, and what it makes of what is known so far. */
interface Field<T> {
  readonly put: (writer: Writer) => void;
  readonly apply: (known: T) => void;
}

interface Span {
  traceId: string;
  state: string | undefined;
  name: string;
  kind: number;
  isError: boolean;
  startNs: number;
  endNs: number;
  readonly attributes: Map<string, string>;
}

interface Log {
  traceId: string;
  number: number;
  severityText: string;
  body: string;
  event: string;
  readonly attributes: Map<string, string>;
}

const WANTED = ['http.route', 'service.name', 'k'.repeat(40)];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const text = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.nat(20_000).map((length) => 'x'.repeat(length)),
);
const nanos = fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 52);

const idOf = (id: Uint8Array): string => (id.length === 16 && id.some((byte) => byte !== 0) ? hex(id) : '');
const ids = fc.oneof({ weight: 4, arbitrary: bytesOf(16) }, bytesOf(8), bytesOf(0), fc.constant(new Uint8Array(16)));

const withId = <T extends { traceId: string }>(field: number): fc.Arbitrary<Field<T>> =>
  ids.map((id) => ({
    put: (writer) => writer.bytes(field, id),
    apply: (known) => void (known.traceId = idOf(id)),
  }));

/** The key before the value or after it; without a value it says nothing. */
const withAttribute = <T extends { readonly attributes: Map<string, string> }>(field: number): fc.Arbitrary<Field<T>> =>
  fc
    .record({
      key: fc.constantFrom(...WANTED, 'http.roots', 'service.mane', 'a', 'k'.repeat(41)),
      value: fc.option(text, { nil: undefined }),
      isValueFirst: fc.boolean(),
    })
    .map(({ key, value, isValueFirst }) => ({
      put(writer) {
        const mark = writer.begin(field);
        const putValue = (): void => {
          if (value === undefined) return;
          const inner = writer.begin(KEY_VALUE.value);
          writer.string(ANY_VALUE.string, value);
          writer.end(inner);
        };
        if (isValueFirst) putValue();
        writer.string(KEY_VALUE.key, key);
        if (!isValueFirst) putValue();
        writer.end(mark);
      },
      apply({ attributes }) {
        if (value !== undefined && WANTED.includes(key) && !attributes.has(key)) attributes.set(key, value);
      },
    }));

const spanField: fc.Arbitrary<Field<Span>> = fc.oneof(
  withId<Span>(SPAN.traceId),
  withAttribute<Span>(SPAN.attributes),
  fc.constantFrom('', 'ot=th:8').map((state): Field<Span> => ({
    put: (writer) => writer.string(SPAN.traceState, state),
    apply: (known) => void (known.state = state),
  })),
  text.map((name): Field<Span> => ({
    put: (writer) => writer.string(SPAN.name, name),
    apply: (known) => void (known.name = name),
  })),
  fc.constantFrom(0, 1, 5, 200).map((kind): Field<Span> => ({
    put: (writer) => writer.uint(SPAN.kind, kind),
    apply: (known) => void (known.kind = kind),
  })),
  fc
    .record({ code: fc.option(fc.nat(3), { nil: undefined }), message: fc.boolean() })
    .map(({ code, message }): Field<Span> => ({
      put(writer) {
        const mark = writer.begin(SPAN.status);
        if (code !== undefined) writer.uint(STATUS.code, code);
        if (message) writer.string(STATUS.message, 'broken');
        writer.end(mark);
      },
      apply: (known) => void (known.isError = code === undefined ? known.isError : code === 2),
    })),
  nanos.map((at): Field<Span> => ({
    put: (writer) => writer.fixed64(SPAN.startTimeUnixNano, BigInt(at)),
    apply: (known) => void (known.startNs = at),
  })),
  nanos.map((at): Field<Span> => ({
    put: (writer) => writer.fixed64(SPAN.endTimeUnixNano, BigInt(at)),
    apply: (known) => void (known.endNs = at),
  })),
  unread<Span>(SPAN.flags),
);

const logField: fc.Arbitrary<Field<Log>> = fc.oneof(
  withId<Log>(LOG.traceId),
  withAttribute<Log>(LOG.attributes),
  fc.constantFrom(0, 1, 4, 5, 16, 17, 24).map((number): Field<Log> => ({
    put: (writer) => writer.uint(LOG.severityNumber, number),
    apply: (known) => void (known.number = number),
  })),
  fc.constantFrom('', 'INFO', 'Error', 'fatal!').map((severity): Field<Log> => ({
    put: (writer) => writer.string(LOG.severityText, severity),
    apply: (known) => void (known.severityText = severity),
  })),
  text.map((body): Field<Log> => ({
    put: (writer) => writer.string(LOG.body, body),
    apply: (known) => void (known.body = body),
  })),
  text.map((event): Field<Log> => ({
    put: (writer) => writer.string(LOG.eventName, event),
    apply: (known) => void (known.event = event),
  })),
  unread<Log>(LOG.flags),
);

/** Fields that nobody reads, of each wire type, some with long tags and lengths. */
function unread<T>(flags: number): fc.Arbitrary<Field<T>> {
  const puts: readonly Field<T>['put'][] = [
    (writer) => writer.fixed32(flags, 0x101),
    (writer) => writer.uint(30, 2 ** 40),
    (writer) => writer.bytes(31, new Uint8Array(20_000)),
    (writer) => writer.raw(Uint8Array.of((14 << 3) | I32, 1, 2, 3, 4)),
  ];
  return fc.constantFrom(...puts).map((put) => ({ put, apply: () => undefined }));
}

function encoded(fields: readonly Field<never>[]): { bytes: Buffer; start: number; end: number } {
  const writer = new Writer(64);
  // Something around it that looks like a span as well.
  writer.raw(Uint8Array.of(0x0a, 16, 0x12, 8));
  const start = writer.pos;
  for (const { put } of fields) put(writer);
  const end = writer.pos;
  writer.raw(Uint8Array.of(0x4a, 4, 0x0a, 2, 0x61, 0x61, 0x12, 0));
  return { bytes: Buffer.from(writer.take()), start, end };
}

/** The attributes that were found, as texts. */
function found(wanted: WantedAttributes, bytes: Buffer): [string, string][] {
  return WANTED.flatMap((key): [string, string][] => {
    const index = wanted.indexOf(key);
    const [start, end] = [wanted.starts[index] ?? -1, wanted.ends[index] ?? -1];
    if (start < 0) return [];
    // The head of the AnyValue is a tag and a length.
    const value = bytes.subarray(start, end);
    const head = 2 + (value.length > 129 ? 1 : 0) + (value.length > 16_386 ? 1 : 0);
    return [[key, value.subarray(value.length === 0 ? 0 : head).toString()]];
  });
}

const sorted = (attributes: Map<string, string>): [string, string][] =>
  WANTED.flatMap((key): [string, string][] => {
    const value = attributes.get(key);
    return value === undefined ? [] : [[key, value]];
  });

test('of a span is read what protobuf says, whatever the order and number of its fields', () => {
  const attributes = new WantedAttributes(WANTED);
  const reader = new SpanReader(attributes);
  fc.assert(
    fc.property(fc.array(spanField, { maxLength: 12 }), (fields) => {
      const span: Span = {
        traceId: '',
        state: undefined,
        name: '',
        kind: 0,
        isError: false,
        startNs: -1,
        endNs: -1,
        attributes: new Map(),
      };
      for (const { apply } of fields) apply(span);
      const { bytes, start, end } = encoded(fields);
      reader.read(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end);
      const slice = (from: number, to: number): string => bytes.toString('utf8', from, to);
      assert.equal(
        reader.traceIdAt < 0 ? '' : hex(bytes.subarray(reader.traceIdAt, reader.traceIdAt + 16)),
        span.traceId,
      );
      assert.equal(reader.stateStart < 0 ? undefined : slice(reader.stateStart, reader.stateEnd), span.state);
      assert.equal(slice(reader.nameStart, reader.nameEnd), span.name);
      assert.equal(reader.kind, span.kind);
      assert.equal(reader.isError, span.isError);
      assert.equal(reader.durationNs, span.startNs < 0 || span.endNs < 0 ? 0 : span.endNs - span.startNs);
      assert.deepEqual(found(attributes, bytes), sorted(span.attributes));
    }),
    { numRuns: RUNS },
  );
});

test('of a log record is read what protobuf says, whatever the order and number of its fields', () => {
  const attributes = new WantedAttributes(WANTED);
  const reader = new LogReader(attributes);
  fc.assert(
    fc.property(fc.array(logField, { maxLength: 12 }), (fields) => {
      const log: Log = { traceId: '', number: 0, severityText: '', body: '', event: '', attributes: new Map() };
      for (const { apply } of fields) apply(log);
      const { bytes, start, end } = encoded(fields);
      reader.read(bytes, start, end);
      const slice = (from: number, to: number): string => bytes.toString('utf8', from, to);
      assert.equal(
        reader.traceIdAt < 0 ? '' : hex(bytes.subarray(reader.traceIdAt, reader.traceIdAt + 16)),
        log.traceId,
      );
      assert.equal(reader.severity, Math.ceil(log.number / 4));
      assert.equal(slice(reader.severityStart, reader.severityEnd), log.severityText);
      assert.equal(reader.isError, log.number > 0 ? log.number >= 17 : /^(err|fatal)/i.test(log.severityText));
      assert.equal(slice(reader.bodyStart, reader.bodyEnd), log.body);
      assert.equal(slice(reader.eventStart, reader.eventEnd), log.event);
      assert.deepEqual(found(attributes, bytes), sorted(log.attributes));
    }),
    { numRuns: RUNS },
  );
});
