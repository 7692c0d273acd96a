import * as z from 'zod';

export const AGGREGATION_TYPES = ['sum', 'mean', 'min', 'max', 'count', 'median'] as const;
export type AggregationType = (typeof AGGREGATION_TYPES)[number];

const ACTIONS = [
  'add_label',
  'update_label',
  'delete_label_value',
  'toggle_scalar_data_type',
  'experimental_scale_value',
  'aggregate_labels',
  'aggregate_label_values',
] as const;

/** What each action cannot do without. The Collector lets some of these go, and then drops points or labels. */
const NEEDS = {
  add_label: ['new_label', 'new_value'],
  update_label: ['label'],
  delete_label_value: ['label', 'label_value'],
  toggle_scalar_data_type: [],
  experimental_scale_value: ['experimental_scale'],
  aggregate_labels: ['label_set', 'aggregation_type'],
  aggregate_label_values: ['label', 'aggregated_values', 'new_value', 'aggregation_type'],
} as const satisfies Record<(typeof ACTIONS)[number], readonly string[]>;

/** Empty is a value only here: the label value to delete. Everywhere else the Collector takes it for absent. */
const MAY_BE_EMPTY = 'label_value';

const valueAction = () =>
  z.strictObject({
    value: z.string().describe('The value that is replaced. Empty: also what is not a text.'),
    new_value: z.string().describe('What takes its place; {{version}} is the version of Remora.'),
  });

export const operation = () =>
  z
    .strictObject({
      action: z.enum(ACTIONS).describe('What is done with the data points.'),
      label: z.string().optional().describe('The label to act upon.'),
      new_label: z.string().optional().describe('add_label: the label to add; update_label: its new name.'),
      label_set: z
        .array(z.string().min(1))
        .optional()
        .describe('aggregate_labels: the labels that stay; all others are aggregated away. [] leaves none.'),
      aggregation_type: z
        .enum(AGGREGATION_TYPES)
        .optional()
        .describe('How the values of points that become one are put together; histograms are always added.'),
      aggregated_values: z
        .array(z.string())
        .optional()
        .describe('aggregate_label_values: the values of the label that become new_value.'),
      new_value: z
        .string()
        .optional()
        .describe('add_label, aggregate_label_values: the value to set; {{version}} is the version of Remora.'),
      value_actions: z.array(valueAction()).default([]).describe('update_label: values of the label to rename.'),
      experimental_scale: z
        .number()
        .optional()
        .describe('experimental_scale_value: what values are multiplied by; not 0.'),
      label_value: z.string().optional().describe('delete_label_value: points whose label has this value are let go.'),
    })
    .superRefine((value, context) => {
      for (const [key, message] of problemsOf(value)) context.addIssue({ code: 'custom', path: [key], message });
    });

export type Operation = z.output<ReturnType<typeof operation>>;

function* problemsOf(value: Operation): Generator<[key: keyof Operation, message: string]> {
  for (const key of NEEDS[value.action]) {
    const given: unknown = value[key];
    const isEmpty = given === '' && key !== MAY_BE_EMPTY;
    if (given === undefined || isEmpty) yield [key, `is needed by ${value.action}${hint(key)}`];
  }
  if (value.experimental_scale === 0) yield ['experimental_scale', 'is 0, which would lose every value'];
  if (value.aggregated_values?.length === 0) yield ['aggregated_values', 'names no value to aggregate'];
  if (value.action !== 'update_label') return;
  if (value.new_label !== undefined && value.new_label === value.label) {
    yield ['new_label', 'is the name that the label has already; leave it out'];
  }
  if ((value.new_label ?? '') === '' && value.value_actions.length === 0) {
    yield ['action', 'update_label needs new_label or value_actions, otherwise it changes nothing'];
  }
}

function hint(key: string): string {
  if (key === 'label_set') return ': the labels that stay, [] for none';
  if (key === 'aggregation_type') return `: ${AGGREGATION_TYPES.join(', ')}`;
  return '';
}
