import * as z from 'zod';
import { common, condition, idSetting, outputs, refused, templateText } from './settings.ts';

/** Configurations of the operators that decide where records go. */

export const noop = () => z.strictObject({ type: z.literal('noop').describe('Does nothing.'), ...common() });

export const filter = () =>
  z.strictObject({
    type: z.literal('filter').describe('Drops lines; they are counted.'),
    ...common(),
    expr: condition().describe('Lines for which this is true are dropped.'),
    drop_ratio: z.number().min(0).max(1).default(1).describe('Share of those lines that is dropped, picked at random.'),
  });

const route = () =>
  z.strictObject({
    expr: condition().describe('Lines for which this is true take the route.'),
    output: outputs().describe('Ids of the operators that they go to.'),
    attributes: z
      .record(z.string(), templateText())
      .prefault({})
      .transform((attributes) => new Map(Object.entries(attributes)))
      .describe('Attributes that they get.'),
  });

export const router = () =>
  z.strictObject({
    type: z
      .literal('router')
      .describe('Sends lines to the first route that takes them; others are dropped and counted.'),
    id: idSetting(),
    routes: z.array(route()).min(1).describe('Tried in order. A route whose expression fails does not take the line.'),
    default: outputs().optional().describe('Ids of the operators that lines go to which no route takes.'),
    if: refused('a router has no if; put the condition into its routes'),
    output: refused('a router has no output of its own; use default for lines that no route takes'),
    on_error: refused('a router has no on_error; a route whose expression fails does not take the line'),
  });

export type RouterConfig = z.output<ReturnType<typeof router>>;
