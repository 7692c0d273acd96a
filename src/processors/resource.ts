import * as z from 'zod';
import { defineProcessor } from '../core/component.ts';
import { transformer } from '../core/transform.ts';
import { rewriteRequest } from '../otlp/edit.ts';
import { SpareBuffers } from '../otlp/spare-buffers.ts';
import { attributeAction, compileActions } from './attribute-actions.ts';

const config = () =>
  z.strictObject({
    attributes: z
      .array(attributeAction())
      .min(1, 'needs at least one action')
      .describe('Actions on the attributes of the resource, one after another.'),
  });

/** Adds, changes and deletes attributes of resources. */
export const resourceProcessor = defineProcessor({
  type: 'resource',
  summary: 'Adds, changes and deletes attributes of resources.',
  signals: ['traces', 'metrics', 'logs'],
  config,
  create(settings, context) {
    const edit = { resource: compileActions(settings.attributes), spare: new SpareBuffers() };
    return transformer(context, (input) => {
      const { batch, copied } = rewriteRequest(input, edit);
      return { batch, copied };
    });
  },
});
