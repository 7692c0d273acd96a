import * as z from 'zod';
import { defineProcessor } from '../core/component.ts';
import { RemoraError } from '../core/errors.ts';
import type { Signal } from '../core/signal.ts';
import { transformer } from '../core/transform.ts';
import { rewriteRequest, type AttributeEdit } from '../otlp/edit.ts';
import { releaseFields } from '../otlp/select.ts';
import { SpareBuffers } from '../otlp/spare-buffers.ts';
import { attributeAction, compileActions } from './attribute-actions.ts';
import { compileMatch, matchProperties, unusableProperties, type MatchProperties } from './match.ts';

const config = () =>
  z.strictObject({
    actions: z
      .array(attributeAction())
      .min(1, 'needs at least one action')
      .describe('Actions on the attributes of spans, log records or data points, one after another.'),
    include: matchProperties().optional().describe('Acts only on items that match all of these.'),
    exclude: matchProperties().optional().describe('Does not act on items that match all of these.'),
  });

type Config = z.output<ReturnType<typeof config>>;

/** Adds, changes and deletes attributes of spans, log records and data points. */
export const attributesProcessor = defineProcessor({
  type: 'attributes',
  summary: 'Adds, changes and deletes attributes of spans, log records and data points.',
  signals: ['traces', 'metrics', 'logs'],
  config,
  create(settings, context) {
    const edit = { item: editOf(settings, context.signal), spare: new SpareBuffers() };
    return transformer(context, (input) => {
      const { batch, copied } = rewriteRequest(input, edit);
      releaseFields();
      return { batch, copied };
    });
  },
});

function editOf(settings: Config, signal: Signal): AttributeEdit {
  const act = compileActions(settings.actions);
  const include = conditionOf('include', settings.include, signal);
  const exclude = conditionOf('exclude', settings.exclude, signal);
  if (include === undefined && exclude === undefined) return act;
  return (attributes, place) => {
    if (include !== undefined && !include(place)) return;
    if (exclude?.(place) === true) return;
    act(attributes);
  };
}

function conditionOf(name: string, properties: MatchProperties | undefined, signal: Signal) {
  if (properties === undefined) return undefined;
  const unusable = unusableProperties(properties, signal);
  if (unusable.length > 0) {
    throw new RemoraError('config_invalid', `${name}: ${unusable.join(', ')} cannot be matched in ${signal}.`);
  }
  return compileMatch(properties, signal);
}
