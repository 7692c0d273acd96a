import type { Processor, ProcessorContext } from '../../../core/component.ts';
import { RemoraError } from '../../../core/errors.ts';
import type { CardinalityLimitConfig } from '../config.ts';
import { limiterParts, windowed } from '../limiter-parts.ts';
import { ItemLimiter } from './item-limiter.ts';
import { OVERFLOWED } from './metrics.ts';
import { ValueLimiter } from './value-limiter.ts';
import { watchedValues } from './watched-values.ts';

/** The limiter of values in one pipeline of traces or logs, with its windows and what explains it. */
export function limitingItems(
  config: CardinalityLimitConfig,
  context: ProcessorContext,
  signal: 'traces' | 'logs',
): Processor {
  const of = signal === 'traces' ? 'spans' : 'logs';
  const limits = config[of];
  if (limits === undefined) throw new RemoraError('config_invalid', `${context.id} says nothing of ${of}: set ${of}.`);
  const watched = watchedValues(of, limits);
  const rules = new Map(watched.map(({ name, rule }) => [name, rule]));
  const parts = limiterParts(config, context, { ruleOf: (name) => ruleIn(rules, name), rememberedWindows: 1 });
  const at = { processor: context.id, pipeline: context.pipeline };
  const limiter = new ItemLimiter({
    ...parts,
    signal,
    watched,
    values: new ValueLimiter({ ...parts, watched, random: context.random }),
    counts: watched.map(({ name }) => context.meter.counter(OVERFLOWED, { ...at, of: name })),
  });
  return windowed(config, context, parts, (batch) => limiter.transform(batch));
}

function ruleIn<Rule>(rules: ReadonlyMap<string, Rule>, name: string): Rule {
  const rule = rules.get(name);
  if (rule === undefined) throw new Error('BUG: values without a rule.');
  return rule;
}
