import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchBytes, makeBatch } from '../../src/core/batch.ts';
import { seededRandom, type Random } from '../../src/core/random.ts';
import { countItems } from '../../src/otlp/count.ts';
import { canonical, requestType, type PlainObject } from '../support/otlp-proto.ts';
import {
  decide,
  logCarrier,
  parseTraceState,
  serialize,
  type ModelConfig,
  type ModelItem,
} from '../processors/probabilistic-sampler/collector-model.ts';
import { batchOf, itemsIn, makeSampler, NEVER, type Item } from '../processors/probabilistic-sampler/harness.ts';
import { disorder, pick } from './random-request.ts';

/**
 * The sampler on the wire against the Collector's rules on what protobufjs decodes: any configuration, any items, and
 * fields in any order. FUZZ_SECONDS runs for as long as it says, FUZZ_SEED elsewhere.
 */
const BUDGET_MS = Number(process.env['FUZZ_SECONDS'] ?? 0) * 1000;
const SEED = process.env['FUZZ_SEED'] ?? '1';

function randomHex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => pick(Array.from('0123456789abcdefABF'), random)).join('');
}

function randomField(random: Random): string {
  const th = () =>
    pick(['0', '8', 'c', '8000', 'FD7', '', 'g', '-1', randomHex(random, 14), randomHex(random, 15)], random);
  const rv = () => pick([randomHex(random, 14), 'f'.repeat(14), '0'.repeat(14), '3', ''], random);
  return pick([() => `th:${th()}`, () => `rv:${rv()}`, () => 'pn:abc', () => 'x:', () => ''], random)();
}

function randomTraceState(random: Random): string {
  if (random() < 0.4) return '';
  const few = (most: number) => Math.floor(random() * (most + 1));
  const member = (): string => {
    if (random() < 0.6) return `ot=${Array.from({ length: 1 + few(2) }, () => randomField(random)).join(';')}`;
    return pick(['zz=1', 'a@b=c d', '', ' ', 'k=', 'K=v', '\tvendor=x ', 'y'.repeat(257) + '=1', 'z=\u00e9'], random);
  };
  return Array.from({ length: 1 + few(3) }, member).join(pick([',', ' , '], random));
}

const KEYS = ['sampling.priority', 'sampling.threshold', 'sampling.randomness', 'id', 'prio', 'other'];

function randomValue(key: string, random: Random): PlainObject {
  const text =
    key === 'sampling.randomness' ? randomHex(random, 14) : pick(['8', 'c', '', 'g', '1', '0', 'NaN'], random);
  return pick(
    [
      { stringValue: text },
      { intValue: pick([0, 1, -1, 50, 100, 101], random) },
      { doubleValue: pick([0, 0.5, 37.5, -2, 100, NaN], random) },
      { bytesValue: Buffer.from(text) },
    ],
    random,
  );
}

function randomItem(random: Random): Item {
  const idBytes = pick([16, 16, 16, 16, 0, 8], random);
  const attributes = Array.from({ length: Math.floor(random() * 5) }, () => {
    const key = pick(KEYS, random);
    return { key, value: randomValue(key, random) };
  });
  return {
    traceId: Uint8Array.from({ length: idBytes }, () => (random() < 0.1 ? 255 : Math.floor(random() * 256))),
    traceState: randomTraceState(random),
    name: 'n'.repeat(Math.floor(random() * 200)),
    attributes,
  };
}

function randomConfig(random: Random): ModelConfig {
  return {
    mode: pick(['hash_seed', 'equalizing', 'proportional'], random),
    sampling_percentage: pick([0, 100, 50, 10, 1, 99.9, 100 * 2 ** -56, 33.3, 200, random() * 100], random),
    hash_seed: pick([0, 22, 4294967295], random),
    sampling_precision: 1 + Math.floor(random() * 14),
    fail_closed: random() < 0.5,
    attribute_source: pick(['traceID', 'record'], random),
    from_attribute: 'id',
    sampling_priority: pick(['', 'prio'], random),
  };
}

/** An attribute value as the model has it. */
function plainValue(value: PlainObject): string | number | Uint8Array {
  const { stringValue, intValue, doubleValue, bytesValue } = value;
  if (stringValue !== undefined) return stringValue as string;
  if (bytesValue !== undefined) return Buffer.from(bytesValue as string, 'base64');
  return Number(intValue ?? doubleValue);
}

function modelItem(item: Item): ModelItem {
  const attributes = new Map<string, string | number | Uint8Array>();
  for (const { key, value } of item.attributes ?? []) if (!attributes.has(key)) attributes.set(key, plainValue(value));
  const traceId = Buffer.from(item.traceId as string, 'base64');
  return { traceId, traceState: item.traceState ?? '', attributes };
}

/** What the Collector makes of a decoded item; undefined: dropped. */
function expectedOf(signal: 'traces' | 'logs', config: ModelConfig, item: Item): Item | undefined {
  const model = modelItem(item);
  if (signal === 'traces') {
    const state = parseTraceState(model.traceState);
    const { kept, writes, th, rv } = decide(signal, config, model, state);
    if (!kept) return undefined;
    return writes ? { ...item, traceState: serialize(state, th, rv) } : item;
  }
  const { kept, writes, th, rv } = decide(signal, config, model, logCarrier(model));
  if (!kept) return undefined;
  return writes ? withAttribute(withAttribute(item, 'sampling.randomness', rv), 'sampling.threshold', th) : item;
}

/** Sets the first attribute of this key, or a new one, which the sampler writes first. */
function withAttribute(item: Item, key: string, text: string | undefined): Item {
  const attributes = [...(item.attributes ?? [])];
  const at = attributes.findIndex((attribute) => attribute.key === key);
  if (text === undefined) return item;
  if (at >= 0) attributes[at] = { key, value: { stringValue: text } };
  else attributes.unshift({ key, value: { stringValue: text } });
  return { ...item, attributes };
}

/** For comparison: attributes by key and value, whatever their order. */
function comparable(item: Item): object {
  const attributes = (item.attributes ?? []).map((attribute) => JSON.stringify(attribute)).sort();
  return { ...item, attributes };
}

async function round(signal: 'traces' | 'logs', random: Random): Promise<void> {
  const config = randomConfig(random);
  const plain = batchOf(
    signal,
    Array.from({ length: 1 + Math.floor(random() * 12) }, () => randomItem(random)),
  );
  const bytes = disorder(requestType(signal), batchBytes(plain), random);
  const batch = makeBatch(signal, [bytes], countItems(signal, bytes));
  const items = itemsIn(batch);
  const { processor, sink, context } = await makeSampler(signal, config);
  assert.equal((await processor.consume(batch, NEVER)).status, 'accepted');
  const expected = items.map((item) => expectedOf(signal, config, item)).filter((item) => item !== undefined);
  const kept = sink.batches.flatMap(itemsIn);
  assert.deepEqual(kept.map(comparable), expected.map(comparable), JSON.stringify(config));
  assert.equal(context.account.dropped.get('sampling') ?? 0, items.length - expected.length);
  for (const result of sink.batches) assert.equal(canonical(signal, batchBytes(result)).length, result.items);
}

for (const signal of ['traces', 'logs'] as const) {
  test(`${signal} come out of the sampler as the Collector’s rules have it`, async () => {
    const endMs = performance.now() + BUDGET_MS;
    for (let i = 0; i < 400 || performance.now() < endMs; i++) {
      try {
        await round(signal, seededRandom(`${SEED}:${signal}:${i}`));
      } catch (error) {
        throw new Error(`Round ${i} of ${signal} with FUZZ_SEED=${SEED}.`, { cause: error });
      }
    }
  });
}
