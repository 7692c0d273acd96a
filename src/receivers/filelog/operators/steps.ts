import type { OperatorConfig } from './config.ts';
import { scopeNameStep, severityStep, timeStep, traceStep } from './embedded.ts';
import type { Step } from './nodes.ts';
import { parserStep } from './parser-step.ts';
import {
  addStep,
  assignKeysStep,
  copyStep,
  flattenStep,
  moveStep,
  regexReplaceStep,
  removeStep,
  retainStep,
  sanitizeStep,
  unquoteStep,
} from './transforms.ts';

/** Operators that change one entry and hand it on. */
export type StepConfig = Exclude<OperatorConfig, { type: 'noop' | 'filter' | 'router' | 'container' | 'recombine' }>;

export function compileStep(operator: StepConfig): Step {
  switch (operator.type) {
    case 'json_parser':
    case 'regex_parser':
    case 'key_value_parser':
    case 'logfmt':
    case 'csv_parser':
    case 'uri_parser':
      return parserStep(operator);
    case 'severity_parser':
      return severityStep(operator);
    case 'time_parser':
      return timeStep(operator);
    case 'trace_parser':
      return traceStep(operator);
    case 'scope_name_parser':
      return scopeNameStep(operator);
    case 'move':
      return moveStep(operator.from, operator.to);
    case 'copy':
      return copyStep(operator.from, operator.to);
    case 'remove':
      return removeStep(operator.field);
    case 'add':
      return addStep(operator.field, operator.value);
    case 'retain':
      return retainStep(operator.fields);
    case 'flatten':
      return flattenStep(operator.field);
    case 'assign_keys':
      return assignKeysStep(operator.field, operator.keys);
    case 'unquote':
      return unquoteStep(operator.field);
    case 'sanitize_utf8':
      return sanitizeStep(operator.field);
    case 'regex_replace':
      return regexReplaceStep(operator);
  }
}
