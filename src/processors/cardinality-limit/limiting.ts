import type { Processor, ProcessorContext } from '../../core/component.ts';
import type { CardinalityLimitConfig } from './config.ts';
import { Limiter } from './limiter.ts';
import { limiterParts, windowed } from './limiter-parts.ts';
import { rulesOf } from './rules.ts';

/** The limiter of series in one pipeline of metrics, with its windows and what explains it. */
export function limiting(config: CardinalityLimitConfig, context: ProcessorContext): Processor {
  const rememberedWindows = Math.ceil(config.remember / config.window);
  const parts = limiterParts(config, context, { ruleOf: rulesOf(config), rememberedWindows });
  const limiter = new Limiter({ ...parts, random: context.random });
  return windowed(config, context, parts, (batch) => limiter.transform(batch));
}
