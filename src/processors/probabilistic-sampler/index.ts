import type { Batch } from '../../core/batch.ts';
import { defineProcessor, type Processor, type ProcessorContext } from '../../core/component.ts';
import type { TraceDecisions } from '../../core/trace-decisions.ts';
import { transformer } from '../../core/transform.ts';
import type { Rewritten } from '../../otlp/edit.ts';
import { LogSampler } from '../../otlp/sampling/log-sampler.ts';
import { isTraceId } from '../../otlp/sampling/randomness.ts';
import { SpanSampler } from '../../otlp/sampling/span-sampler.ts';
import { HEAD_METRICS, HeadBooks } from './books.ts';
import { probabilisticSamplerConfig, type ProbabilisticSamplerConfig } from './config.ts';
import { Judge } from './judge.ts';

/** Keeps a share of the traces, or log records, the same ones wherever the same rule is applied. */
export const probabilisticSamplerProcessor = defineProcessor({
  type: 'probabilistic_sampler',
  summary: 'Keeps a share of the traces or log records by their ids, and writes down how many each stands for.',
  signals: ['traces', 'logs'],
  config: probabilisticSamplerConfig,
  metrics: HEAD_METRICS,
  bypass: 'skip',
  decidesTraces: true,
  create(config, context) {
    return create(config, context, context.signal === 'logs' ? 'logs' : 'traces');
  },
});

function create(config: ProbabilisticSamplerConfig, context: ProcessorContext, signal: 'traces' | 'logs'): Processor {
  const judge = new Judge(config, signal);
  const books = new HeadBooks(context, judge.rule, config.from_attribute);
  const run = runner(judge, signal);
  if (signal === 'traces') context.decisions.offer(context.id, decisionsOf(judge));
  return transformer(context, (input) => {
    const tally = judge.begin();
    const { batch, dropped, copied } = run(input);
    return { batch, dropped: { sampling: dropped }, copied, accepted: () => books.book(tally) };
  });
}

function runner(judge: Judge, signal: 'traces' | 'logs'): (batch: Batch) => Rewritten {
  if (signal === 'traces') {
    const sampler = new SpanSampler(judge.keys, judge.plainSpan);
    return (batch) => sampler.run(batch, judge.span);
  }
  const sampler = new LogSampler(judge.keys);
  return (batch) => sampler.run(batch, judge.log);
}

/** Of the id alone, as for spans that were not sampled before and have no priority; nothing is ever undecided. */
function decisionsOf(judge: Judge): TraceDecisions {
  return {
    decisionWaitMs: 0,
    fateOf(bytes, at) {
      if (!isTraceId(bytes, at)) return 'unknown';
      return judge.keepsTrace(bytes, at) ? 'kept' : 'dropped';
    },
    onDecision: () => undefined,
  };
}
