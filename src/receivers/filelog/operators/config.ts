import * as z from 'zod';
import { container } from './container/config.ts';
import { recombine } from './recombine/config.ts';
import { linkProblems } from './links.ts';
import {
  csvParser,
  jsonParser,
  keyValueParser,
  logfmt,
  regexParser,
  scopeNameParser,
  severityParser,
  timeParser,
  traceParser,
  uriParser,
} from './parser-settings.ts';
import { filter, noop, router } from './routing-settings.ts';
import {
  add,
  assignKeys,
  copy,
  flatten,
  move,
  regexReplace,
  remove,
  retain,
  sanitizeUtf8,
  unquote,
} from './transform-settings.ts';

/** The operators that there are, with the Collector's names and keys. */

const parsers = [
  jsonParser,
  regexParser,
  keyValueParser,
  logfmt,
  csvParser,
  uriParser,
  timeParser,
  severityParser,
  traceParser,
  scopeNameParser,
] as const;
const transforms = [move, copy, remove, add, retain, flatten, assignKeys, unquote, regexReplace, sanitizeUtf8] as const;
const all = [...parsers, container, recombine, ...transforms, filter, router, noop] as const;

const operator = z.discriminatedUnion('type', all, {
  error: `no such operator; there are ${all.map((schema) => schema.shape.type.value).join(', ')}`,
});

export const operatorsSetting = z
  .array(operator)
  .superRefine((operators, context) => {
    for (const { path, message } of linkProblems(operators)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
  })
  .default([])
  .describe('Steps that parse and change records, in order, or as their outputs say.');

export type OperatorConfig = z.output<typeof operator>;
