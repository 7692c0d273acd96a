import * as z from 'zod';
import { defineProcessor } from '../../core/component.ts';
import type { Signal } from '../../core/signal.ts';
import { transformer } from '../../core/transform.ts';
import { rewriteRequest } from '../../otlp/edit.ts';
import { releaseFields } from '../../otlp/select.ts';
import { SpareBuffers } from '../../otlp/spare-buffers.ts';
import { ottlProblem } from './check-ottl.ts';
import { any, type Condition } from './condition.ts';
import { parseOttl, type OttlContext } from './ottl.ts';
import { compileStructured, structuredCondition } from './structured.ts';

const errorMode = () => z.enum(['ignore', 'silent', 'propagate']);

/** OTTL conditions whose bare names are those of `context`. */
function conditions(signal: Signal, context: OttlContext, what: string) {
  return z
    .array(z.string().superRefine((text, issues) => check(text, signal, context, (issue) => issues.addIssue(issue))))
    .default([])
    .describe(`OTTL conditions; ${what} for which one holds is dropped.`);
}

/** Either plain conditions or, as the Collector also takes, groups with their context. */
function contextConditions(signal: Signal, contexts: readonly [OttlContext, ...OttlContext[]], item: OttlContext) {
  const group = z
    .strictObject({
      context: z.enum(contexts).describe('What bare names in these conditions refer to.'),
      conditions: z.array(z.string()).describe('OTTL conditions.'),
      error_mode: errorMode().optional().describe('Accepted; conditions here have no errors to handle.'),
    })
    .superRefine((value, issues) => {
      value.conditions.forEach((text, index) => {
        check(text, signal, value.context, (issue) => issues.addIssue({ ...issue, path: ['conditions', index] }));
      });
    });
  const plain = z.string().superRefine((text, issues) => check(text, signal, item, (issue) => issues.addIssue(issue)));
  return z
    .array(z.union([plain, group]))
    .default([])
    .describe('OTTL conditions with prefixed names (span.name), or groups of them with their context.');
}

function check(
  text: string,
  signal: Signal,
  context: OttlContext,
  add: (issue: { code: 'custom'; message: string }) => void,
): void {
  const message = ottlProblem(text, signal, context);
  if (message !== undefined) add({ code: 'custom', message });
}

const config = () =>
  z.strictObject({
    error_mode: errorMode()
      .default('ignore')
      .describe('Accepted as the Collector’s; the conditions understood here cannot fail on an item.'),
    traces: z
      .strictObject({
        resource: conditions('traces', 'resource', 'a resource'),
        scope: conditions('traces', 'scope', 'a scope'),
        span: conditions('traces', 'span', 'a span'),
      })
      .prefault({})
      .describe('Conditions on spans.'),
    metrics: z
      .strictObject({
        resource: conditions('metrics', 'resource', 'a resource'),
        scope: conditions('metrics', 'scope', 'a scope'),
        metric: conditions('metrics', 'metric', 'a metric'),
        datapoint: conditions('metrics', 'datapoint', 'a data point'),
      })
      .prefault({})
      .describe('Conditions on metrics and data points.'),
    logs: z
      .strictObject({
        resource: conditions('logs', 'resource', 'a resource'),
        scope: conditions('logs', 'scope', 'a scope'),
        log_record: conditions('logs', 'log', 'a log record'),
      })
      .prefault({})
      .describe('Conditions on log records.'),
    trace_conditions: contextConditions('traces', ['span', 'resource', 'scope'], 'span'),
    metric_conditions: contextConditions('metrics', ['datapoint', 'metric', 'resource', 'scope'], 'datapoint'),
    log_conditions: contextConditions('logs', ['log', 'resource', 'scope'], 'log'),
    drop: z
      .array(structuredCondition())
      .default([])
      .describe('Ours: an item for which one holds is dropped. Says nothing of signals that lack one of its fields.'),
  });

type Config = z.output<ReturnType<typeof config>>;

/** Drops items for which a condition holds, and what is left empty around them. */
export const filterProcessor = defineProcessor({
  type: 'filter',
  summary: 'Drops spans, log records and data points by conditions on their fields.',
  signals: ['traces', 'metrics', 'logs'],
  config,
  bypass: 'skip',
  create(settings, context) {
    const dropItem = compileFilter(settings, context.signal);
    if (dropItem === undefined) return transformer(context, (batch) => ({ batch }));
    const edit = { dropItem, spare: new SpareBuffers() };
    return transformer(context, (input) => {
      const { batch, dropped, copied } = rewriteRequest(input, edit);
      releaseFields();
      return dropped === 0 ? { batch } : { batch, dropped: { filtered: dropped }, copied };
    });
  },
});

/** What drops an item of `signal`; undefined when nothing does. */
function compileFilter(settings: Config, signal: Signal): Condition | undefined {
  const ottl = ottlOf(settings, signal).flatMap(([context, texts]) =>
    texts.map((text) => parseOttl(text, signal, context)),
  );
  const structured = settings.drop.flatMap((node) => compileStructured(node, signal) ?? []);
  const found = [...ottl, ...structured];
  return found.length === 0 ? undefined : any(found);
}

type Group = [context: OttlContext, conditions: readonly string[]];

function ottlOf(settings: Config, signal: Signal): Group[] {
  switch (signal) {
    case 'traces': {
      const { resource, scope, span } = settings.traces;
      return [['resource', resource], ['scope', scope], ['span', span], ...grouped(settings.trace_conditions, 'span')];
    }
    case 'metrics': {
      const { resource, scope, metric, datapoint } = settings.metrics;
      const own: Group[] = [
        ['metric', metric],
        ['datapoint', datapoint],
      ];
      return [['resource', resource], ['scope', scope], ...own, ...grouped(settings.metric_conditions, 'datapoint')];
    }
    case 'logs': {
      const { resource, scope, log_record } = settings.logs;
      return [
        ['resource', resource],
        ['scope', scope],
        ['log', log_record],
        ...grouped(settings.log_conditions, 'log'),
      ];
    }
  }
}

type ContextConditions = Config['trace_conditions' | 'log_conditions' | 'metric_conditions'];

function grouped(groups: ContextConditions, item: OttlContext): Group[] {
  return groups.map((group) => (typeof group === 'string' ? [item, [group]] : [group.context, group.conditions]));
}
