import * as z from 'zod';

const pattern = () =>
  z
    .string()
    .min(1)
    .max(256)
    .refine((text) => /\{[^{}/]*\}|\*$/.test(text), 'has no part in braces, such as {id}, and no * at its end')
    .refine((text) => !/[{}]/.test(text.replace(/\{[^{}/]*\}/g, '')), 'has a brace too many');

/** How values are put together, see ValueBuckets. */
export const bucketFields = () => ({
  patterns: z
    .array(pattern())
    .max(1000)
    .default([])
    .describe(
      'Ours: values that become one, such as /users/{id}/orders/{order}: a part in braces is any text without a slash, ' +
        'and * at the end whatever follows. What stands behind ? or # is not looked at. The first that matches counts.',
    ),
  ids: z
    .boolean()
    .default(true)
    .describe('Ours: what looks like an id is replaced in other values: {number}, {uuid}, {hex}, {id}.'),
});

export function hasBuckets({
  patterns,
  ids,
}: {
  readonly patterns: readonly string[];
  readonly ids: boolean;
}): boolean {
  return ids || patterns.length > 0;
}

export const NO_BUCKETS = 'needs patterns, or ids: true';
