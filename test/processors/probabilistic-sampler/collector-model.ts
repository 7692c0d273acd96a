/**
 * The Collector's probabilistic_sampler once more, plainly: on decoded items, with integers of any length, texts and
 * regular expressions. What the sampler on the wire is compared with.
 */
export interface ModelItem {
  readonly traceId: Uint8Array;
  readonly traceState: string;
  /** The first attribute of each key. */
  readonly attributes: ReadonlyMap<string, string | number | Uint8Array>;
}

export interface ModelConfig {
  readonly mode: 'hash_seed' | 'equalizing' | 'proportional';
  readonly sampling_percentage: number;
  readonly hash_seed: number;
  readonly sampling_precision: number;
  readonly fail_closed: boolean;
  readonly attribute_source: 'traceID' | 'record';
  readonly from_attribute: string;
  readonly sampling_priority: string;
}

/** What the carrier holds; malformed: nothing is read of it, and nothing is written. */
interface Carrier {
  malformed: boolean;
  th: string | undefined;
  rv: string | undefined;
}

export interface ModelResult {
  readonly kept: boolean;
  readonly th: string | undefined;
  readonly rv: string | undefined;
  /** Whether `th` and `rv` are written. */
  readonly writes: boolean;
}

const ALL = 2n ** 56n;
const MAX_RANDOMNESS = ALL - 1n;

export function toThreshold(probability: number, precision: number): bigint | undefined {
  if (!(probability >= 2 ** -56 && probability <= 1)) return undefined;
  if (probability === 1) return 0n;
  const leading = (value: number): number => {
    let doublings = 0;
    for (let rest = value; rest < 0.5; rest *= 2) doublings += 1;
    return Math.floor(doublings / 4);
  };
  const digits = Math.min(14, precision + Math.max(leading(probability), leading(1 - probability)));
  const shift = BigInt(4 * (14 - digits));
  const threshold = ALL - BigInt(Math.round(probability * 2 ** 56));
  return shift === 0n ? threshold : ((threshold + (1n << (shift - 1n))) >> shift) << shift;
}

const fromHex = (text: string): bigint => BigInt(`0x${text.padEnd(14, '0')}`);
const toTh = (threshold: bigint): string =>
  threshold === 0n ? '0' : threshold.toString(16).padStart(14, '0').replace(/0+$/, '');
const toRv = (randomness: bigint): string => randomness.toString(16).padStart(14, '0');

function hash(bytes: Uint8Array, seed: number): bigint {
  let state = 0x811c9dc5n;
  const seedBytes = [0, 8, 16, 24].map((shift) => (seed >>> shift) & 255);
  for (const byte of [...seedBytes, ...bytes]) state = ((state ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
  const bucket = state & 0x3fffn;
  const rest = state >> 18n;
  return ((0x3fffn - bucket) << 42n) | ((rest ^ (rest << 10n)) << 14n) | bucket;
}

const HEX = /^[0-9a-fA-F]+$/;
const isTh = (text: string): boolean => HEX.test(text) && text.length <= 14;
const isRv = (text: string): boolean => HEX.test(text) && text.length === 14;

const KEY = /^(?:[a-z][a-z0-9_*/-]*|[a-z0-9][a-z0-9_*/-]*@[a-z][a-z0-9_*/-]*)$/;
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const OT = /^[a-z][a-z0-9]*:[a-zA-Z0-9._-]*(?:;[a-z][a-z0-9]*:[a-zA-Z0-9._-]*)*$/;

export interface ParsedState extends Carrier {
  fields: string[];
  members: string[];
}

export function parseTraceState(text: string): ParsedState {
  const state: ParsedState = { malformed: false, th: undefined, rv: undefined, fields: [], members: [] };
  const bad = (): ParsedState => ({ ...state, malformed: true, th: undefined, rv: undefined });
  if (text.length > 1024) return bad();
  const members = text.split(',');
  if (members.at(-1) === '') members.pop();
  if (members.length > 31) return bad();
  for (const raw of members) {
    const member = raw.replace(/^[ \t]+|[ \t]+$/g, '');
    if (member === '') continue;
    const equals = member.indexOf('=');
    const [key, value] = [member.slice(0, Math.max(0, equals)), member.slice(equals + 1)];
    const [tenant = '', system] = key.split('@');
    const isLong = key.length > 256 || (system !== undefined && (tenant.length > 241 || system.length > 14));
    if (equals < 0 || !KEY.test(key) || !VALUE.test(value) || isLong) return bad();
    if (key !== 'ot') {
      state.members.push(member);
      continue;
    }
    state.th = state.rv = undefined;
    state.fields = [];
    if (value.length > 256 || !OT.test(value)) return bad();
    for (const field of value.split(';')) {
      const [name, content = ''] = field.split(':');
      if (name === 'th') state.th = content;
      else if (name === 'rv') state.rv = content;
      else state.fields.push(field);
      if ((name === 'th' && !isTh(content)) || (name === 'rv' && !isRv(content))) return bad();
    }
  }
  return state;
}

export function serialize({ fields, members }: ParsedState, th: string | undefined, rv: string | undefined): string {
  const ot = [...(rv === undefined ? [] : [`rv:${rv}`]), ...(th === undefined ? [] : [`th:${th}`]), ...fields];
  return [...(ot.length === 0 ? [] : [`ot=${ot.join(';')}`]), ...members].join(',');
}

export function logCarrier({ attributes }: ModelItem): Carrier {
  const text = (key: string): string | undefined => {
    const value = attributes.get(key);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [th, rv] = [text('sampling.threshold'), text('sampling.randomness')];
  const malformed = (th !== undefined && !isTh(th)) || (rv !== undefined && !isRv(rv));
  return malformed ? { malformed, th: undefined, rv: undefined } : { malformed, th, rv };
}

export function decide(signal: 'traces' | 'logs', config: ModelConfig, item: ModelItem, carrier: Carrier): ModelResult {
  const { fail_closed, sampling_precision } = config;
  const percentage = Math.min(100, Math.fround(config.sampling_percentage));
  const buckets = Math.trunc(Math.fround(percentage * Math.fround(163.84)));
  const never = percentage === 0 || (config.mode === 'hash_seed' && buckets === 0);
  const hashes = !never && config.mode === 'hash_seed';
  let { th, rv } = carrier;
  const inUse = hashes && (th !== undefined || rv !== undefined);

  let randomness = never ? MAX_RANDOMNESS : undefined;
  const hasId = item.traceId.length === 16 && item.traceId.some((byte) => byte !== 0);
  if (hashes) {
    const value = item.attributes.get(config.from_attribute);
    const bytes = value instanceof Uint8Array ? value : Buffer.from(value === undefined ? '' : String(value));
    if (hasId && (signal === 'traces' || config.attribute_source === 'traceID')) {
      randomness = hash(item.traceId, config.hash_seed);
    } else if (signal === 'logs' && config.from_attribute !== '' && bytes.length > 0) {
      randomness = hash(bytes, config.hash_seed);
    }
  } else if (!never && !carrier.malformed) {
    if (rv !== undefined) randomness = fromHex(rv);
    else if (hasId) randomness = BigInt(`0x${Buffer.from(item.traceId.subarray(9)).toString('hex')}`);
  }
  const isMissing = randomness === undefined;
  const used = randomness ?? MAX_RANDOMNESS;
  if (hashes && !inUse && !carrier.malformed && (signal === 'traces' || !isMissing)) rv = toRv(used);

  let failed = carrier.malformed || inUse || isMissing;
  if (!failed && th !== undefined && used < fromHex(th)) {
    failed = true;
    th = undefined;
  }
  let threshold = fail_closed ? ALL : 0n;
  if (!failed) {
    const arriving = th === undefined ? undefined : fromHex(th);
    if (never) threshold = ALL;
    else if (hashes) threshold = BigInt(16384 - buckets) << 42n;
    else if (config.mode === 'equalizing') {
      threshold = toThreshold(percentage / 100, sampling_precision) ?? ALL;
      if (arriving !== undefined && arriving > threshold) threshold = arriving;
    } else {
      const before = arriving === undefined ? 1 : Number(ALL - arriving) / 2 ** 56;
      threshold = toThreshold(before * (percentage / 100), sampling_precision) ?? ALL;
    }
  }
  threshold = priority(signal, config, item) ?? threshold;

  const kept = used >= threshold;
  const writes = kept && !carrier.malformed && !inUse;
  if (writes && !(th !== undefined && fromHex(th) > threshold)) th = toTh(threshold);
  return { kept, th, rv, writes };
}

function priority(signal: 'traces' | 'logs', config: ModelConfig, { attributes }: ModelItem): bigint | undefined {
  if (signal === 'traces') {
    const value = attributes.get('sampling.priority');
    const number = typeof value === 'string' && value.trim() === value && value !== '' ? Number(value) : value;
    if (typeof number !== 'number' || !(number >= 0)) return undefined;
    return number === 0 ? ALL : 0n;
  }
  const value = config.sampling_priority === '' ? undefined : attributes.get(config.sampling_priority);
  if (typeof value !== 'number' || value === 0) return undefined;
  return toThreshold(value / 100, config.sampling_precision);
}
