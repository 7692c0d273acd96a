import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchBytes, joinBatches, makeBatch } from '../../src/core/batch.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { SIGNALS, type Signal } from '../../src/core/signal.ts';
import { countItems } from '../../src/otlp/count.ts';
import { jsonToRequest, requestToJson } from '../../src/otlp/json.ts';
import { checkRequest, splitBatch } from '../../src/otlp/split.ts';
import { canonical, decodeRequest, encodeRequest, requestType, type PlainObject } from '../support/otlp-proto.ts';
import { disorder, mutate, pick, randomRequest, rawItems } from './random-request.ts';

/**
 * Differential tests against protobufjs. They run for a second or so each with a fixed seed; FUZZ_SECONDS runs each for
 * as long as it says, and FUZZ_SEED elsewhere.
 */
const BUDGET_MS = Number(process.env['FUZZ_SECONDS'] ?? 0) * 1000;
const SEED = process.env['FUZZ_SEED'] ?? '1';

function fuzz(name: string, rounds: number, round: (signal: Signal, random: Random) => void): void {
  test(name, () => {
    const endMs = performance.now() + BUDGET_MS;
    for (let i = 0; i < rounds || performance.now() < endMs; i++) {
      const signal = SIGNALS[i % SIGNALS.length]!;
      const seed = `${SEED}:${i}`;
      try {
        round(signal, seededRandom(seed));
      } catch (error) {
        throw new Error(`Round ${i} of ${signal} with FUZZ_SEED=${SEED}.`, { cause: error });
      }
    }
  });
}

function mayThrow<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RemoraError && /^payload_(malformed|too_deep)$/.test(error.code)) return undefined;
    throw error;
  }
}

fuzz('counts agree with protobufjs', 300, (signal, random) => {
  const request = disorder(requestType(signal), randomRequest(signal, random), random);
  assert.equal(countItems(signal, request), canonical(signal, request).length);
  assert.equal(checkRequest(signal, request), canonical(signal, request).length);
});

fuzz(
  'parts of a split carry the same items, byte for byte with all their headers, within the limit',
  300,
  (signal, random) => {
    const requests = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
      disorder(requestType(signal), randomRequest(signal, random), random),
    );
    const batch = joinBatches(requests.map((request) => makeBatch(signal, [request], countItems(signal, request))));
    const sizer = pick(['items', 'bytes'] as const, random);
    const max = 1 + Math.floor(random() * (sizer === 'items' ? batch.items : batch.bytes));
    const parts = splitBatch(batch, { sizer, max });
    for (const part of parts) {
      assert.equal(part.items, countItems(signal, batchBytes(part)));
      for (const chunk of part.chunks) checkRequest(signal, chunk);
      if (sizer === 'items') assert.ok(part.items <= max);
      else assert.ok(part.bytes <= max || part.items <= 1, `${part.bytes} bytes, ${part.items} items, limit ${max}`);
    }
    if (parts.length > 0)
      assert.deepEqual(rawItems(signal, batchBytes(joinBatches(parts))), rawItems(signal, batchBytes(batch)));
    else assert.equal(batch.items, 0);
  },
);

fuzz('a request survives the way to JSON and back', 300, (signal, random) => {
  const request = disorder(requestType(signal), randomRequest(signal, random), random);
  const json = requestToJson(signal, request);
  assert.deepEqual(canonical(signal, jsonToRequest(signal, json)), canonical(signal, request));
});

fuzz('the JSON that is written means the same to JSON.parse and protobufjs', 300, (signal, random) => {
  const request = randomRequest(signal, random);
  const parsed: unknown = JSON.parse(Buffer.from(requestToJson(signal, request)).toString('utf8'));
  const encoded = encodeRequest(
    signal,
    swapIds(parsed, (hex) => Buffer.from(hex, 'hex').toString('base64')) as PlainObject,
  );
  assert.deepEqual(canonical(signal, encoded), canonical(signal, request));
});

fuzz('JSON that protobufjs wrote is read with the same meaning', 300, (signal, random) => {
  const request = randomRequest(signal, random);
  const plain = swapIds(decodeRequest(signal, request), (base64) => {
    const hex = Buffer.from(base64, 'base64').toString('hex');
    return random() < 0.5 ? hex : hex.toUpperCase();
  });
  const text = JSON.stringify(plain, specialDoubles, pick([0, 1], random));
  const json = Buffer.from(random() < 0.5 ? text : asciiOnly(text));
  assert.deepEqual(canonical(signal, jsonToRequest(signal, json)), canonical(signal, request));
});

function specialDoubles(_: string, value: unknown): unknown {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  return Object.is(value, -0) ? '-0' : String(value);
}

function asciiOnly(text: string): string {
  return text.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function swapIds(value: unknown, swap: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((element) => swapIds(element, swap));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => {
      const isId = (key === 'traceId' || key === 'spanId' || key === 'parentSpanId') && typeof inner === 'string';
      return [key, isId ? swap(inner) : swapIds(inner, swap)];
    }),
  );
}

test('mutated bytes are read or refused, never worse, and what is read is split and told as it was', () => {
  const accepted = { checked: 0, json: 0 };
  let rounds = 0;
  const endMs = performance.now() + BUDGET_MS;
  for (; rounds < 1500 || performance.now() < endMs; rounds++) {
    const random = seededRandom(`${SEED}:mutant:${rounds}`);
    const signal = SIGNALS[rounds % SIGNALS.length]!;
    const mutant = mutate(randomRequest(signal, random), random);
    const items = mayThrow(() => countItems(signal, mutant));
    if (mayThrow(() => checkRequest(signal, mutant)) !== undefined) {
      accepted.checked += 1;
      const batch = makeBatch(signal, [mutant], items!);
      const sizer = pick(['items', 'bytes'] as const, random);
      const parts = splitBatch(batch, { sizer, max: Math.ceil((sizer === 'items' ? batch.items : batch.bytes) / 3) });
      assert.equal(
        parts.reduce((total, part) => total + countItems(signal, batchBytes(part)), 0),
        items,
      );
    }
    const json = mayThrow(() => requestToJson(signal, mutant));
    if (json === undefined) continue;
    accepted.json += 1;
    JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(json));
    mayThrow(() => jsonToRequest(signal, json));
  }
  for (const [what, count] of Object.entries(accepted)) {
    assert.ok(count > rounds * 0.1 && count < rounds * 0.95, `${count} of ${rounds} mutants ${what}`);
  }
});

test('mutated JSON is read or refused, never worse, and what is read is valid protobuf', () => {
  let accepted = 0;
  let rounds = 0;
  const endMs = performance.now() + BUDGET_MS;
  for (; rounds < 1500 || performance.now() < endMs; rounds++) {
    const random = seededRandom(`${SEED}:json-mutant:${rounds}`);
    const signal = SIGNALS[rounds % SIGNALS.length]!;
    const json = mutate(requestToJson(signal, randomRequest(signal, random)), random);
    const request = mayThrow(() => jsonToRequest(signal, json));
    if (request === undefined) continue;
    accepted += 1;
    assert.equal(canonical(signal, request).length, checkRequest(signal, request));
    // Nothing is read that is not JSON: the reader is as strict as JSON.parse.
    JSON.parse(Buffer.from(json).toString('utf8'));
  }
  assert.ok(accepted > rounds * 0.1 && accepted < rounds * 0.95, `${accepted} of ${rounds} mutants`);
});
