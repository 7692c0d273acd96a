import protobuf from 'protobufjs';
import type { Random } from '../../src/core/random.ts';
import type { Signal } from '../../src/core/signal.ts';
import { encodeRequest, requestType, type PlainObject } from '../support/otlp-proto.ts';

/**
 * Random but valid requests, made from the protobufjs schema, so that a field added there is covered at once. Numbers
 * favour the ends of their ranges, text favours what needs escaping.
 */
export function randomRequest(signal: Signal, random: Random): Uint8Array {
  return encodeRequest(signal, randomObject(requestType(signal), random, 0));
}

const INT64 = ['0', '1', '-1', '9223372036854775807', '-9223372036854775808', '9007199254740993', '-4294967296'];
const UINT64 = [
  '0',
  '1',
  '18446744073709551615',
  '1544712660300000000',
  '9007199254740993',
  '4294967295',
  '4294967296',
];
const INT32 = [0, 1, -1, 2, 2147483647, -2147483648];
const UINT32 = [0, 1, 127, 128, 4294967295, 2147483648];
const DOUBLES = [0, -0, 1, -1.5, 0.1, 637.704, 1e21, 5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity, 2 ** 53];
const TEXTS = [
  '',
  'a',
  'service.name',
  '__proto__',
  'toString',
  'quo"te\\ and \n\t\u0000\u001f\u007f',
  'é ü 日本 😀 \u2028',
  '</script>${x}',
  'x'.repeat(200),
];

export function pick<T>(values: readonly T[], random: Random): T {
  return values[Math.floor(random() * values.length)]!;
}

/** 0 to `most`, small ones far more often. */
function few(most: number, random: Random): number {
  return Math.floor(random() ** 2 * (most + 1));
}

function randomObject(type: protobuf.Type, random: Random, depth: number): PlainObject {
  const object: PlainObject = {};
  const chosen = new Map<string, string>();
  for (const oneof of type.oneofsArray) {
    if (oneof.fieldsArray.length > 1 && random() < 0.9) chosen.set(oneof.name, pick(oneof.fieldsArray, random).name);
  }
  for (const field of type.fieldsArray) {
    field.resolve();
    if (field.partOf !== null && field.partOf.fieldsArray.length > 1) {
      if (chosen.get(field.partOf.name) !== field.name) continue;
    } else if (random() < 0.2 && !(field.repeated && depth < 3)) continue;
    const count = depth < 3 ? 1 + few(3, random) : few(depth > 12 ? 0 : 4, random);
    object[field.name] = field.repeated
      ? Array.from({ length: count }, () => randomValue(field, random, depth))
      : randomValue(field, random, depth);
  }
  return object;
}

function randomValue(field: protobuf.Field, random: Random, depth: number): unknown {
  if (field.resolvedType instanceof protobuf.Type) return randomObject(field.resolvedType, random, depth + 1);
  if (field.resolvedType instanceof protobuf.Enum) return pick([0, 1, 2], random);
  switch (field.type) {
    case 'string':
      return pick(TEXTS, random);
    case 'bytes':
      return randomBytes(field.name, random);
    case 'bool':
      return random() < 0.5;
    case 'double':
      return random() < 0.5 ? pick(DOUBLES, random) : (random() - 0.5) * 10 ** (few(600, random) - 300);
    case 'int64':
    case 'sfixed64':
      return random() < 0.5 ? pick(INT64, random) : String(bits(random) - 2n ** 63n);
    case 'fixed64':
    case 'uint64':
      return random() < 0.5 ? pick(UINT64, random) : String(bits(random));
    case 'int32':
    case 'sint32':
      return pick(INT32, random);
    default:
      return pick(UINT32, random);
  }
}

function bits(random: Random): bigint {
  return (BigInt(Math.floor(random() * 2 ** 32)) << BigInt(few(32, random))) | BigInt(Math.floor(random() * 2 ** 32));
}

function randomBytes(name: string, random: Random): Uint8Array {
  const size = name === 'traceId' ? 16 : name.endsWith('Id') ? 8 : few(20, random);
  if (random() < 0.1) return new Uint8Array(0);
  return Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
}

interface RawField {
  readonly number: number;
  readonly wireType: number;
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
}

function fieldsOf(bytes: Uint8Array): RawField[] {
  const reader = protobuf.Reader.create(bytes);
  const fields: RawField[] = [];
  while (reader.pos < bytes.length) {
    const from = reader.pos;
    const tag = reader.uint32();
    const wireType = tag & 7;
    let content = bytes.subarray(0, 0);
    if (wireType === 2) content = reader.bytes();
    else reader.skipType(wireType, 0, tag >>> 3);
    fields.push({ number: tag >>> 3, wireType, raw: bytes.subarray(from, reader.pos), content });
  }
  return fields;
}

/** The same message with its fields in another order at every level, and unknown fields of every wire type among them. */
export function disorder(type: protobuf.Type, bytes: Uint8Array, random: Random): Uint8Array {
  const byNumber = new Map<number, Uint8Array[]>();
  const numbers: number[] = [];
  for (const { number, wireType, raw, content } of fieldsOf(bytes)) {
    const field = type.fieldsById[number]?.resolve();
    const inner = field?.resolvedType;
    const isMessage = inner instanceof protobuf.Type && wireType === 2;
    const piece = isMessage ? framed(number, disorder(inner, content, random)) : raw;
    numbers.push(number);
    byNumber.set(number, [...(byNumber.get(number) ?? []), piece]);
  }
  // Fields of one number keep their order, because that has a meaning.
  shuffle(numbers, random);
  const out: Uint8Array[] = [];
  for (const number of numbers) {
    if (random() < 0.1) out.push(unknownField(random));
    out.push(byNumber.get(number)!.shift()!);
  }
  if (random() < 0.1) out.push(unknownField(random));
  return Buffer.concat(out);
}

function shuffle(values: number[], random: Random): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
}

function framed(number: number, content: Uint8Array): Uint8Array {
  return protobuf.Writer.create()
    .uint32((number << 3) | 2)
    .bytes(content)
    .finish();
}

function unknownField(random: Random): Uint8Array {
  const number = pick([60, 99, 1000, 536870911], random);
  const writer = protobuf.Writer.create();
  const tag = (wireType: number) => writer.uint32(((number << 3) | wireType) >>> 0);
  switch (Math.floor(random() * 5)) {
    case 0:
      return tag(0).uint64(pick(UINT64, random)).finish();
    case 1:
      return tag(1).double(pick(DOUBLES, random)).finish();
    case 2:
      return tag(2).string(pick(TEXTS, random)).finish();
    case 3:
      tag(3).uint32(8).uint32(1);
      return tag(4).finish();
    default:
      return tag(5).fixed32(pick(UINT32, random)).finish();
  }
}

/** A few random edits of the bytes: flips, cuts, insertions, doublings. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out = Buffer.from(bytes);
  for (let edits = 1 + few(3, random); edits > 0; edits--) {
    const at = Math.floor(random() * (out.length + 1));
    const to = Math.min(out.length, at + few(20, random));
    switch (Math.floor(random() * 5)) {
      case 0:
        if (at < out.length) out[at] = Math.floor(random() * 256);
        break;
      case 1:
        if (at < out.length) out[at] = (out[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        break;
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(to)]);
        break;
      case 3:
        out = Buffer.concat([out.subarray(0, to), out.subarray(at)]);
        break;
      default:
        out = Buffer.concat([out.subarray(0, at), Buffer.from([Math.floor(random() * 256)]), out.subarray(at)]);
    }
  }
  return out;
}

const CHILD: readonly ((signal: Signal, number: number) => boolean)[] = [
  (_, number) => number === 1,
  (_, number) => number === 2,
  (_, number) => number === 2,
  (_, number) => [5, 7, 9, 10, 11].includes(number),
  (_, number) => number === 1,
];

/** Every item's own bytes, with the bytes of every field of its resource, scope and metric that is no child, in order. */
export function rawItems(signal: Signal, request: Uint8Array): string[] {
  const items: string[] = [];
  const lowest = signal === 'metrics' ? 4 : 2;
  const walk = (bytes: Uint8Array, level: number, inherited: string): void => {
    const fields = fieldsOf(bytes);
    const isChild = ({ number, wireType }: RawField): boolean => wireType === 2 && CHILD[level]!(signal, number);
    const own = level === 0 ? [] : fields.filter((field) => !isChild(field)).map(({ raw }) => hex(raw));
    const headers = `${inherited}/${own.join('')}`;
    for (const field of fields.filter(isChild)) {
      if (level === lowest) items.push(`${headers}/${hex(field.raw)}`);
      else walk(field.content, level + 1, `${headers}/${field.number}`);
    }
  };
  walk(request, 0, '');
  return items;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
