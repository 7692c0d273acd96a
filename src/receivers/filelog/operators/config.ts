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

/**
 * Stands for the schema that `make` makes, which is made when an operator of this type is checked: a configuration uses
 * few of them. What describes all of them, such as the reference, makes all of them.
 */
function deferred<S extends z.ZodType>(type: string, make: () => S): z.ZodLazy<S> {
  const schema = z.lazy(make);
  // By this zod finds the schema for an operator. Found out by zod, it would take making all of them.
  schema._zod.propValues = { type: new Set([type]) };
  return schema;
}

const operator = () =>
  z.discriminatedUnion(
    'type',
    [
      deferred('json_parser', jsonParser),
      deferred('regex_parser', regexParser),
      deferred('key_value_parser', keyValueParser),
      deferred('logfmt', logfmt),
      deferred('csv_parser', csvParser),
      deferred('uri_parser', uriParser),
      deferred('time_parser', timeParser),
      deferred('severity_parser', severityParser),
      deferred('trace_parser', traceParser),
      deferred('scope_name_parser', scopeNameParser),
      deferred('container', container),
      deferred('recombine', recombine),
      deferred('move', move),
      deferred('copy', copy),
      deferred('remove', remove),
      deferred('add', add),
      deferred('retain', retain),
      deferred('flatten', flatten),
      deferred('assign_keys', assignKeys),
      deferred('unquote', unquote),
      deferred('regex_replace', regexReplace),
      deferred('sanitize_utf8', sanitizeUtf8),
      deferred('filter', filter),
      deferred('router', router),
      deferred('noop', noop),
    ],
    {
      error: ({ options }) =>
        Array.isArray(options) ? `no such operator; there are ${options.join(', ')}` : undefined,
    },
  );

export const operatorsSetting = () =>
  z
    .array(operator())
    .superRefine((operators, context) => {
      for (const { path, message } of linkProblems(operators)) {
        context.addIssue({ code: 'custom', path: [...path], message });
      }
    })
    .default([])
    .describe('Steps that parse and change records, in order, or as their outputs say.');

export type OperatorConfig = z.output<ReturnType<typeof operator>>;
