import * as z from 'zod';
import { simpleKinds, type SimplePolicy } from './kinds.ts';

/** The policies of a sampler, with those that are made of others. */

type And = { name?: string | undefined; type: 'and'; and: { and_sub_policy: NestedPolicy[] } };
type Not = { name?: string | undefined; type: 'not'; not: { not_sub_policy: NestedPolicy } };

/** Stands inside another one, where it need not have a name. */
export type NestedPolicy = SimplePolicy | And | Not;

const policyName = () => z.string().min(1).describe('Its name in metrics; each has another.');
const anyName = () => z.string().optional().describe('A name for people; a composite policy refers to it.');

/** Policies that are made of others; `nested` is what may stand inside. */
function compoundKinds<N extends z.ZodType>(name: () => N, nested: z.ZodType<NestedPolicy>) {
  const list = () => z.array(nested).min(1);
  return [
    z.strictObject({
      name: name(),
      type: z.literal('and').describe('Samples a trace when all of its policies do.'),
      and: z
        .strictObject({ and_sub_policy: list().describe('Policies as here, except drop and composite.') })
        .describe('Of which policies.'),
    }),
    z.strictObject({
      name: name(),
      type: z.literal('not').describe('Samples a trace when its policy does not.'),
      not: z
        .strictObject({ not_sub_policy: nested.describe('A policy as here, except drop and composite.') })
        .describe('Of which policy.'),
    }),
  ] as const;
}

const drop = (nested: z.ZodType<NestedPolicy>) =>
  z.strictObject({
    name: policyName(),
    type: z.literal('drop').describe('A trace that all of its policies would sample is not, whatever others say.'),
    drop: z
      .strictObject({
        drop_sub_policy: z.array(nested).min(1).describe('Policies as here, except drop and composite.'),
      })
      .describe('Of which policies.'),
  });

const compositeSettings = (nested: z.ZodType<NestedPolicy>) =>
  z
    .strictObject({
      max_total_spans_per_second: z.number().int().positive().describe('Spans each second, over all its policies.'),
      policy_order: z
        .array(z.string())
        .default([])
        .describe('Names of its policies in the order in which they are asked; others come after them.'),
      composite_sub_policy: z
        .array(nested)
        .min(1)
        .describe('Policies as here, except drop and composite; the first that samples a trace pays for it.'),
      rate_allocation: z
        .array(
          z.strictObject({
            policy: z.string().describe('Name of one of its policies.'),
            percent: z
              .number()
              .int()
              .min(0)
              .max(100)
              .default(0)
              .describe('Its share of the total; 0 for an equal one.'),
          }),
        )
        .default([])
        .describe('What each policy may spend. Those that are not listed share evenly what is left.'),
    })
    .superRefine((settings, context) => {
      for (const { path, message } of compositeProblems(settings)) {
        context.addIssue({ code: 'custom', path: [...path], message });
      }
    });

const composite = (nested: z.ZodType<NestedPolicy>) =>
  z.strictObject({
    name: policyName(),
    type: z.literal('composite').describe('Samples what the first of its policies that wants it can pay for.'),
    composite: compositeSettings(nested).describe('Of which policies, and what they may spend.'),
  });

export type CompositeSettings = z.output<ReturnType<typeof compositeSettings>>;

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function compositeProblems(settings: CompositeSettings): Problem[] {
  const { policy_order: order, composite_sub_policy: policies, rate_allocation: allocations } = settings;
  const names = policies.flatMap(({ name }) => name ?? []);
  const known = names.length === 0 ? 'none of its policies has a name' : `its policies are ${names.join(', ')}`;
  const refer = (name: string, path: Problem['path']): Problem[] =>
    names.includes(name) ? [] : [{ path, message: `no policy of this composite is called "${name}"; ${known}` }];
  const total = allocations.reduce((sum, { percent }) => sum + percent, 0);
  return [
    ...repeated(names).map(({ name }) => ({
      path: ['composite_sub_policy', policies.findLastIndex((policy) => policy.name === name), 'name'],
      message: `another policy of this composite is called "${name}" too`,
    })),
    ...order.flatMap((name, index) => refer(name, ['policy_order', index])),
    ...repeated(order).map(({ name, index }) => ({ path: ['policy_order', index], message: `"${name}" comes twice` })),
    ...allocations.flatMap(({ policy }, index) => refer(policy, ['rate_allocation', index, 'policy'])),
    ...repeated(allocations.map(({ policy }) => policy)).map(({ name, index }) => ({
      path: ['rate_allocation', index, 'policy'],
      message: `"${name}" comes twice`,
    })),
    ...(total > 100 ? [{ path: ['rate_allocation'], message: `adds up to ${total} %, which is more than 100` }] : []),
  ];
}

/** What was there before, with where it comes again. */
function repeated(names: readonly string[]): { readonly name: string; readonly index: number }[] {
  return names.flatMap((name, index) => (names.indexOf(name) < index ? [{ name, index }] : []));
}

/** Of the setting `policies`. */
export function policiesSchema() {
  const nested: z.ZodType<NestedPolicy> = z.lazy(() =>
    z.discriminatedUnion('type', [...simpleKinds(anyName), ...compoundKinds(anyName, nested)]),
  );
  const policy = z.discriminatedUnion('type', [
    ...simpleKinds(policyName),
    ...compoundKinds(policyName, nested),
    drop(nested),
    composite(nested),
  ]);
  return z
    .array(policy)
    .min(1)
    .superRefine((policies, context) => {
      for (const { name, index } of repeated(policies.map((each) => each.name))) {
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: `another policy is called "${name}" too; metrics would mix them`,
        });
      }
    })
    .describe('What decides about a trace: it is sampled when one of these samples it, unless a drop policy drops it.');
}

/** Spread into the settings of the sampler: all that `compilePolicies` needs. */
export const decisionShape = () => ({
  policies: policiesSchema(),
  sample_on_first_match: z
    .boolean()
    .default(false)
    .describe('Asks no further policies once one samples the trace. Those that drop are asked first.'),
  inverted_decisions: z
    .boolean()
    .default(false)
    .describe(
      'Ours: as the Collector did before 0.144, a policy with invert_match whose values are found keeps the trace ' +
        'from being sampled, and otherwise samples it only if no other policy refuses.',
    ),
});

export type Policy = z.output<ReturnType<typeof policiesSchema>>[number];

export interface DecisionSettings {
  readonly policies: readonly Policy[];
  readonly sample_on_first_match: boolean;
  readonly inverted_decisions: boolean;
}
