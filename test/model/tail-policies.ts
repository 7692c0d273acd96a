/**
 * The policies of the Collector's tail_sampling once more, plainly: on objects, with integers of any length, texts and
 * regular expressions, and with what this project says it does differently (docs/sampling.md). What the sampler on the wire
 * is compared with; nothing here is of it.
 */
export type ModelValue = string | number | bigint | boolean | null;

export interface ModelSpan {
  /** As they stand, also with a key twice, of which the first counts. */
  readonly attributes: readonly (readonly [string, ModelValue])[];
  readonly resource: readonly (readonly [string, ModelValue])[];
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly status: 0 | 1 | 2;
  readonly flags: number;
  readonly traceState: string;
  readonly bytes: number;
}

export interface ModelTrace {
  readonly id: Uint8Array;
  readonly spans: readonly ModelSpan[];
}

/** A policy as it is configured. */
export interface ModelPolicy {
  readonly name?: string;
  readonly type: string;
  readonly [settings: string]: unknown;
}

interface Settings {
  readonly key: string;
  readonly value: boolean;
  readonly values: readonly string[];
  readonly enabled_regex_matching: boolean;
  readonly invert_match: boolean;
  readonly min_value: number;
  readonly max_value: number;
  readonly threshold_ms: number;
  readonly upper_threshold_ms: number;
  readonly min_spans: number;
  readonly max_spans: number;
  readonly status_codes: readonly string[];
  readonly sampling_percentage: number;
  readonly hash_salt: string;
  readonly spans_per_second: number;
  readonly bytes_per_second: number;
  readonly burst_capacity: number | undefined;
  readonly and_sub_policy: readonly ModelPolicy[];
  readonly drop_sub_policy: readonly ModelPolicy[];
  readonly not_sub_policy: ModelPolicy;
  readonly composite_sub_policy: readonly ModelPolicy[];
  readonly policy_order: readonly string[];
  readonly max_total_spans_per_second: number;
  readonly rate_allocation: readonly { readonly policy: string; readonly percent: number }[];
}

/** Says of a trace whether it samples it; some pay for that. Times are whole milliseconds. */
type Evaluate = (trace: ModelTrace, nowMs: number) => boolean;

export interface Board {
  decide(trace: ModelTrace, nowMs: number): boolean;
}

export interface BoardOptions {
  readonly sample_on_first_match: boolean;
  readonly inverted_decisions: boolean;
}

export function board(policies: readonly ModelPolicy[], options: BoardOptions): Board {
  const members = policies.map((policy) => ({ policy, evaluate: evaluator(policy) }));
  const drops = members.filter(({ policy }) => policy.type === 'drop');
  const others = members.filter(({ policy }) => policy.type !== 'drop');
  return {
    decide(trace, nowMs) {
      const votes = { Sampled: 0, NotSampled: 0, InvertSampled: 0, InvertNotSampled: 0 };
      for (const { evaluate } of drops) {
        if (evaluate(trace, nowMs)) return false;
        votes.NotSampled += 1;
      }
      for (const { policy, evaluate } of others) {
        const yes = evaluate(trace, nowMs);
        const isInverted = options.inverted_decisions && settingsOf(policy).invert_match;
        votes[`${isInverted ? 'Invert' : ''}${yes ? 'Sampled' : 'NotSampled'}`] += 1;
        if (yes && !isInverted && options.sample_on_first_match) break;
      }
      if (votes.InvertNotSampled > 0) return false;
      if (votes.Sampled > 0) return true;
      return votes.InvertSampled > 0 && votes.NotSampled === 0;
    },
  };
}

/** What the Collector takes for what is not written. */
const DEFAULTS: Settings = {
  key: '',
  value: false,
  values: [],
  enabled_regex_matching: false,
  invert_match: false,
  min_value: 0,
  max_value: 0,
  threshold_ms: 0,
  upper_threshold_ms: 0,
  min_spans: 0,
  max_spans: 0,
  status_codes: [],
  sampling_percentage: 0,
  hash_salt: '',
  spans_per_second: 0,
  bytes_per_second: 0,
  burst_capacity: undefined,
  and_sub_policy: [],
  drop_sub_policy: [],
  not_sub_policy: { type: 'always_sample' },
  composite_sub_policy: [],
  policy_order: [],
  max_total_spans_per_second: 0,
  rate_allocation: [],
};

function settingsOf(policy: ModelPolicy): Settings {
  return { ...DEFAULTS, ...((policy[policy.type] ?? {}) as Partial<Settings>) };
}

function evaluator(policy: ModelPolicy): Evaluate {
  const settings = settingsOf(policy);
  const any = (test: (span: ModelSpan) => boolean): Evaluate => {
    return ({ spans }) => spans.some(test) !== settings.invert_match;
  };
  const anyValue = (test: (value: ModelValue) => boolean): Evaluate => {
    return any(({ attributes, resource }) => [attributes, resource].some((of) => test(valueOf(of, settings.key))));
  };
  switch (policy.type) {
    case 'always_sample':
      return () => true;
    case 'latency':
      return latency(settings);
    case 'numeric_attribute': {
      const { min_value: min, max_value: max } = settings;
      return anyValue((value) => {
        if (typeof value !== 'number' && typeof value !== 'bigint') return false;
        return (min === 0 || value >= min) && (max === 0 || value <= max);
      });
    }
    case 'boolean_attribute':
      return anyValue((value) => value === settings.value);
    case 'string_attribute':
      return anyValue((value) => typeof value === 'string' && value !== '' && isOneOf(value, settings));
    case 'status_code':
      return any(({ status }) => settings.status_codes.includes(['UNSET', 'OK', 'ERROR'][status] ?? ''));
    case 'trace_flags':
      return any(({ flags }) => flags % 2 === 1);
    case 'trace_state':
      return any(({ traceState }) => {
        const value = parseTraceState(traceState)?.get(settings.key);
        return value !== undefined && settings.values.includes(value);
      });
    case 'span_count': {
      const { min_spans: min, max_spans: max } = settings;
      return ({ spans }) => spans.length >= min && (max === 0 || spans.length <= max);
    }
    case 'probabilistic':
      return probabilistic(settings);
    case 'rate_limiting':
      return limiter(settings.spans_per_second, settings.burst_capacity, ({ spans }) => spans.length);
    case 'bytes_limiting':
      return limiter(settings.bytes_per_second, settings.burst_capacity, ({ spans }) => {
        return spans.reduce((sum, { bytes }) => sum + bytes, 0);
      });
    case 'and':
      return all(settings.and_sub_policy);
    case 'drop':
      return all(settings.drop_sub_policy);
    case 'not': {
      const inner = evaluator(settings.not_sub_policy);
      return (trace, nowMs) => !inner(trace, nowMs);
    }
    case 'composite':
      return composite(settings);
    default:
      throw new Error(`no policy ${policy.type}`);
  }
}

function valueOf(attributes: readonly (readonly [string, ModelValue])[], key: string): ModelValue {
  return attributes.find(([name]) => name === key)?.[1] ?? null;
}

function isOneOf(value: string, { values, enabled_regex_matching: arePatterns }: Settings): boolean {
  return arePatterns ? values.some((pattern) => new RegExp(pattern).test(value)) : values.includes(value);
}

function all(policies: readonly ModelPolicy[]): Evaluate {
  const inner = policies.map(evaluator);
  return (trace, nowMs) => inner.every((evaluate) => evaluate(trace, nowMs));
}

function latency({ threshold_ms: lower, upper_threshold_ms: upper }: Settings): Evaluate {
  return ({ spans }) => {
    const first = spans.reduce((least, { startNs }) => (startNs < least ? startNs : least), spans[0]?.startNs ?? 0n);
    const last = spans.reduce((most, { endNs }) => (endNs > most ? endNs : most), 0n);
    const ms = (last - first) / 1_000_000n;
    return ms > lower && (upper === 0 || ms <= upper);
  };
}

/** Of OpenTelemetry for Go; undefined when it is malformed. */
export function parseTraceState(text: string): Map<string, string> | undefined {
  const members = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const key = part.slice(0, Math.max(0, equals)).replace(/^[ \t]+/, '');
    const value = part.slice(equals + 1).replace(/[ \t]+$/, '');
    const isKey = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/.test(key);
    const isValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/.test(value);
    if (equals < 0 || !isKey || !isValue || members.has(key)) return undefined;
    members.set(key, value);
    if (members.size > 32) return undefined;
  }
  return members;
}

/** FNV-1a of 64 bits over salt and id, against the share of all numbers of 64 bits. */
function probabilistic({ sampling_percentage: percentage, hash_salt: salt }: Settings): Evaluate {
  const limit = BigInt(Math.round(percentage * 1e6)) * (2n ** 64n - 1n);
  return ({ id }) => {
    let hash = 0xcbf29ce484222325n;
    const key = salt === '' ? 'default-hash-seed' : salt;
    for (const byte of [...Buffer.from(key), ...id]) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & (2n ** 64n - 1n);
    return hash * 100_000_000n <= limit;
  };
}

/** golang.org/x/time/rate, in thousandths of a token, so that whole milliseconds are exact. */
function limiter(perSecond: number, capacity: number | undefined, priceOf: (trace: ModelTrace) => number): Evaluate {
  const most = (capacity ?? 2 * perSecond) * 1000;
  let left = most;
  let atMs = 0;
  return (trace, nowMs) => {
    left = Math.min(most, left + (nowMs - atMs) * perSecond);
    atMs = nowMs;
    const price = priceOf(trace) * 1000;
    if (price > left) return false;
    left -= price;
    return true;
  };
}

function composite(settings: Settings): Evaluate {
  const { composite_sub_policy: policies, max_total_spans_per_second: total } = settings;
  const { policy_order: order, rate_allocation: allocations } = settings;
  const given = new Map(
    allocations.map(({ policy, percent }) => [policy, percent > 0 ? (total * percent) / 100 : total / policies.length]),
  );
  const rest = total - [...given.values()].reduce((sum, one) => sum + one, 0);
  const members = policies.map((policy) => {
    const most = given.get(policy.name ?? '') ?? Math.max(0, rest) / (policies.length - given.size);
    return { name: policy.name ?? '', evaluate: evaluator(policy), most: Math.floor(most), spent: 0 };
  });
  const ordered = [
    ...order.flatMap((name) => members.filter((member) => member.name === name)),
    ...members.filter(({ name }) => !order.includes(name)),
  ];
  let second = -1;
  return (trace, nowMs) => {
    const now = Math.floor(nowMs / 1000);
    if (now !== second) for (const member of members) member.spent = 0;
    second = now;
    const member = ordered.find(({ evaluate }) => evaluate(trace, nowMs));
    if (member === undefined) return false;
    const spans = trace.spans.length;
    const spent = members.reduce((sum, one) => sum + one.spent, 0);
    if (member.spent + spans > member.most || spent + spans > total) return false;
    member.spent += spans;
    return true;
  };
}
