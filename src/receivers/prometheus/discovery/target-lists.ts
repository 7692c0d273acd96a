import { parse } from 'yaml';
import * as z from 'zod';
import { errorMessage, RemoraError } from '../../../core/errors.ts';
import type { TargetGroup } from '../discovered-target.ts';

/** Larger lists are refused: they are read into memory as a whole. */
export const LIST_LIMIT_BYTES = 16 * 1024 * 1024;
/** YAML costs a hundred times as much to read as JSON, all of it at once: a megabyte takes a second. */
const YAML_LIMIT_CHARACTERS = 512 * 1024;

const scalar = () => z.union([z.string(), z.number(), z.boolean()]).transform(String);
const targetLists = () =>
  z.array(
    z.strictObject({
      targets: z.array(z.string()).default([]),
      labels: z.record(z.string(), scalar()).nullish(),
    }),
  );
let schema: ReturnType<typeof targetLists> | undefined;

/**
 * The groups of a list, each with the label `meta`. Throws RemoraError for what is no such list, also for an empty text,
 * which is a file being written rather than a wish to scrape nothing: that is `[]`.
 */
export function parseTargetLists(
  text: string,
  format: 'json' | 'yaml',
  meta: readonly [string, string],
): TargetGroup[] {
  if (text.trim() === '') throw unusable('it is empty; a list without targets is written []');
  if (format === 'yaml' && text.length > YAML_LIMIT_CHARACTERS) {
    throw unusable('it is YAML of more than 512 KiB; write large lists as JSON');
  }
  const result = (schema ??= targetLists()).safeParse(parsed(text, format));
  const [issue] = result.error?.issues ?? [];
  if (issue !== undefined)
    throw unusable(`${issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''}${issue.message}`);
  return (result.data ?? []).map(({ targets, labels }) => ({ targets, labels: { ...labels, [meta[0]]: meta[1] } }));
}

function parsed(text: string, format: 'json' | 'yaml'): unknown {
  try {
    return format === 'json' ? JSON.parse(text) : parse(text);
  } catch (error) {
    // What stands behind shows the place in several lines.
    throw unusable(errorMessage(error).split('\n', 1).join(), error);
  }
}

function unusable(why: string, cause?: unknown): RemoraError {
  return new RemoraError('scrape_failed', `The list of targets cannot be used: ${why}`, { cause });
}
