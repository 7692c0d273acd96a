import { isKept, KEEP_NONE, MIN_PROBABILITY, probabilityOf, thresholdOf } from '../../../otlp/sampling/threshold.ts';
import type { Policies, SpanCondition, TraceSummary } from '../policy.ts';
import { allocate, budgetJudge, compositeJudge } from './budget.ts';
import { Dice } from './chance.ts';
import { conditionOf, isInverted, type ConditionPolicy } from './conditions.ts';
import { PolicyBoard } from './decide.ts';
import { allOf, certain, latencyJudge, notOf, spanCountJudge, type Judge } from './judge.ts';
import type { SimplePolicy } from './kinds.ts';
import type { CompositeSettings, DecisionSettings, NestedPolicy, Policy } from './schema.ts';
import { SpanReader } from './span-reader.ts';
import { hashLimit, isAtMost, shareOf, TraceHash } from './trace-hash.ts';

/** For one sampler: policies that spend budgets have state. */
export function compilePolicies(settings: DecisionSettings): Policies {
  const compiler = new Compiler();
  const seats = settings.policies.map((policy) => {
    const judge = compiler.judge(policy);
    const isVeto = settings.inverted_decisions && compiler.inverted.has(judge);
    return {
      policy: policy.name,
      role: policy.type === 'drop' ? 'drop' : isVeto ? 'invert' : 'sample',
      judge,
    } as const;
  });
  const { conditions, dice } = compiler;
  return new PolicyBoard(seats, { conditions, dice, firstMatch: settings.sample_on_first_match });
}

/** Makes judges, and gathers the conditions that they read and the dice that they roll. */
class Compiler {
  readonly conditions: SpanCondition[] = [];
  readonly dice = new Dice();
  /** Those that sample what does not match. */
  readonly inverted = new Set<Judge>();
  /** Where a condition stands, by what it was made of: policies often ask for the same. */
  readonly #indexes = new Map<string, number>();
  readonly #reader = new SpanReader();

  judge(policy: Policy | NestedPolicy): Judge {
    switch (policy.type) {
      case 'always_sample':
        return certain(() => true);
      case 'latency':
        return latencyJudge(policy.latency);
      case 'span_count':
        return spanCountJudge(policy.span_count);
      case 'probabilistic':
        return probabilistic(policy.probabilistic, this.dice);
      case 'rate_limiting':
        return rateLimiting(policy.rate_limiting);
      case 'bytes_limiting':
        return bytesLimiting(policy.bytes_limiting);
      case 'and':
        return allOf(policy.and.and_sub_policy.map((inner) => this.judge(inner)));
      case 'not':
        return notOf(this.judge(policy.not.not_sub_policy));
      case 'drop':
        return allOf(policy.drop.drop_sub_policy.map((inner) => this.judge(inner)));
      case 'composite':
        return this.#composite(policy.composite);
      case 'numeric_attribute':
      case 'boolean_attribute':
      case 'string_attribute':
      case 'status_code':
      case 'trace_state':
      case 'trace_flags':
      case 'ottl_condition':
        return this.#met(policy);
    }
  }

  #met(policy: ConditionPolicy): Judge {
    const asked = JSON.stringify(policy, (key, value: unknown) => (BESIDE.has(key) ? undefined : value));
    const index = this.#indexes.get(asked) ?? this.conditions.push(conditionOf(policy, this.#reader)) - 1;
    this.#indexes.set(asked, index);
    if (!isInverted(policy)) return certain((trace) => trace.met(index));
    const judge = certain((trace) => !trace.met(index));
    this.inverted.add(judge);
    return judge;
  }

  #composite(settings: CompositeSettings): Judge {
    const { max_total_spans_per_second: total, policy_order: order } = settings;
    const names = settings.composite_sub_policy.map(({ name }, index) => name ?? `#${index}`);
    const most = allocate(names, settings.rate_allocation, total);
    const shares = settings.composite_sub_policy.map((policy, index) => ({
      judge: this.judge(policy),
      most: most[index] ?? 0,
      spent: 0,
      place: placeIn(order, names[index] ?? ''),
    }));
    return compositeJudge(
      shares.toSorted((a, b) => a.place - b.place),
      total,
    );
  }
}

/** What of a policy is not part of its condition. */
const BESIDE = new Set(['name', 'invert_match']);

/** Those that are not in the order come after it, as they stand. */
function placeIn(order: readonly string[], name: string): number {
  const place = order.indexOf(name);
  return place < 0 ? order.length : place;
}

type Settings<T extends SimplePolicy['type']> = Extract<SimplePolicy, Record<T, unknown>>[T];

function probabilistic(settings: Settings<'probabilistic'>, dice: Dice): Judge {
  const share = settings.sampling_percentage / 100;
  if (settings.consistent) return consistent(share, dice);
  const salt = settings.hash_salt === '' ? DEFAULT_SALT : settings.hash_salt;
  const limit = hashLimit(share);
  const hash = new TraceHash(salt);
  const probability = share === 0 ? 0 : shareOf(limit);
  const die = dice.hash(salt);
  die.add(probability);
  return {
    samples: ({ bytes, traceIdAt }) => isAtMost(hash.of(bytes, traceIdAt), limit),
    foresees: () => die.face < probability,
  };
}

/** The Collector's, when none is configured. */
const DEFAULT_SALT = 'default-hash-seed';

function consistent(share: number, dice: Dice): Judge {
  const threshold = share < MIN_PROBABILITY ? KEEP_NONE : thresholdOf(share);
  const probability = probabilityOf(threshold);
  const die = dice.randomness;
  die.add(probability, threshold);
  return {
    samples: ({ randomness }) => isKept(randomness, threshold),
    foresees: () => die.face < probability,
  };
}

function rateLimiting({ spans_per_second: perSecond, burst_capacity: burst }: Settings<'rate_limiting'>): Judge {
  return budgetJudge({ perSecond, burst: burst ?? 2 * perSecond, cost: ({ spans }: TraceSummary) => spans });
}

function bytesLimiting({ bytes_per_second: perSecond, burst_capacity: burst }: Settings<'bytes_limiting'>): Judge {
  return budgetJudge({ perSecond, burst: burst ?? 2 * perSecond, cost: ({ spanBytes }: TraceSummary) => spanBytes });
}
