import * as z from 'zod';
import { bucketFields, hasBuckets, NO_BUCKETS } from '../bucket-settings.ts';

/** What takes the place of a value beyond its limit. */
export const PLACEHOLDER = 'otel.overflow';
const MAX_ATTRIBUTES = 64;

const text = () => z.string().min(1).max(256);

const limitFields = () => ({
  limit: z
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .default(1000)
    .describe('Ours: different values that may leave within a window; for each tenant, where these are told apart.'),
  placeholder: text().optional().describe(`Ours: what a value beyond the limit becomes; ${PLACEHOLDER} when absent.`),
  bucket: z
    .strictObject(bucketFields())
    .refine(hasBuckets, NO_BUCKETS)
    .optional()
    .describe('Ours: for bucket: which values are put together; ids when absent.'),
});

const nameLimit = () =>
  z
    .strictObject({
      ...limitFields(),
      on_overflow: z
        .enum(['replace', 'bucket'])
        .default('replace')
        .describe('Ours: what a name beyond the limit becomes: the placeholder, or its bucket.'),
    })
    .superRefine(checkLimit);

const attributeLimit = () =>
  z
    .strictObject({
      key: text().describe('Ours: the attribute.'),
      ...limitFields(),
      on_overflow: z
        .enum(['replace', 'bucket', 'drop_attribute'])
        .default('replace')
        .describe(
          'Ours: replace puts the placeholder in the place of a value beyond the limit; bucket what it has in common with others, ' +
            'such as /users/{number}, and the placeholder where that is nothing, or there are as many buckets as the limit; ' +
            'drop_attribute takes the attribute away. The item goes on in any case.',
        ),
    })
    .superRefine(checkLimit);

export type ValueMode = 'replace' | 'bucket' | 'drop_attribute';

export interface ValueLimit {
  readonly limit: number;
  readonly on_overflow: ValueMode;
  readonly placeholder?: string | undefined;
  readonly bucket?: { readonly patterns: readonly string[]; readonly ids: boolean } | undefined;
}

export interface AttributeLimit extends ValueLimit {
  readonly key: string;
}

function checkLimit({ on_overflow: mode, bucket, placeholder }: ValueLimit, context: z.RefinementCtx): void {
  const issue = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
  if (bucket !== undefined && mode !== 'bucket') issue('bucket', 'says nothing unless on_overflow is bucket');
  if (placeholder !== undefined && mode === 'drop_attribute') issue('placeholder', 'says nothing with drop_attribute');
}

const attributes = () =>
  z
    .array(attributeLimit())
    .max(MAX_ATTRIBUTES)
    .default([])
    .superRefine((limits, context) => {
      const keys = limits.map(({ key }) => key);
      const again = keys.findIndex((key, at) => keys.indexOf(key) < at);
      if (again >= 0) context.addIssue({ code: 'custom', path: [again, 'key'], message: 'has a limit above already' });
    });

const EMPTY = 'limits nothing: name an attribute';

export const spanLimits = () =>
  z
    .strictObject({
      name: nameLimit().optional().describe('Ours: a limit for the different names of spans.'),
      attributes: attributes().describe('Ours: limits for attributes of spans; not of their events and links.'),
      resource_attributes: attributes().describe('Ours: limits for attributes of the resources of spans.'),
    })
    .refine((limits) => limitsIn(limits).length > 0, EMPTY);

export const logLimits = () =>
  z
    .strictObject({
      attributes: attributes().describe('Ours: limits for attributes of log records.'),
      resource_attributes: attributes().describe('Ours: limits for attributes of the resources of log records.'),
    })
    .refine((limits) => limitsIn(limits).length > 0, EMPTY);

export interface ItemLimits {
  readonly name?: ValueLimit | undefined;
  readonly attributes: readonly AttributeLimit[];
  readonly resource_attributes: readonly AttributeLimit[];
}

export function limitsIn({ name, attributes: own, resource_attributes: resource }: ItemLimits): readonly ValueLimit[] {
  return [...(name === undefined ? [] : [name]), ...own, ...resource];
}
