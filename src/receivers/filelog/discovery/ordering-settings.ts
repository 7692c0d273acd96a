import * as z from 'zod';
import { errorMessage } from '../../../core/errors.ts';
import { goPattern, groupNames } from '../../../core/go-pattern.ts';
import { TimeParser } from '../operators/time-parser.ts';

const pattern = () =>
  z.string().superRefine((value, context) => {
    try {
      goPattern(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: errorMessage(error) });
    }
  });

const sort = () =>
  z
    .strictObject({
      sort_type: z.enum(['numeric', 'alphabetical', 'timestamp', 'mtime']).describe('What the values are.'),
      regex_key: z.string().min(1).optional().describe('Named group of regex that is compared; not for mtime.'),
      ascending: z.boolean().default(false).describe('The smallest, or oldest, comes first.'),
      layout: z.string().min(1).optional().describe('strptime layout, for timestamp.'),
      location: z.string().default('UTC').describe('Zone of timestamps that have none: UTC, Local or an IANA name.'),
      format: z.undefined({ error: 'the key is called layout' }).optional().describe('Not available; write layout.'),
      max_time: z
        .undefined({ error: 'not available; exclude_older_than leaves out what is older' })
        .optional()
        .describe('Not available; use exclude_older_than.'),
    })
    .superRefine((value, context) => {
      const { sort_type: type, regex_key: key, layout, location } = value;
      const issue = (path: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [path], message });
      if (type !== 'mtime' && key === undefined) issue('regex_key', `needed for sort_type ${type}`);
      if (type !== 'timestamp') return;
      if (layout === undefined) issue('layout', 'needed for sort_type timestamp');
      try {
        new TimeParser({ layoutType: 'strptime', layout: layout ?? '%Y', location });
      } catch (error) {
        issue('layout', errorMessage(error));
      }
    });

export const orderingSetting = () =>
  z
    .strictObject({
      regex: pattern()
        .optional()
        .describe('Go pattern with named groups, matched against the path; files that it does not match are left out.'),
      group_by: pattern()
        .optional()
        .describe('Go pattern whose first group names the group of a file; files that it does not match are left out.'),
      top_n: z.number().int().min(0).default(1).describe('Files that are read of each group; 0 means 1.'),
      sort_by: z
        .array(sort())
        .min(1)
        .describe('Sorts that are applied one after the other: the last one decides, those before it break ties.'),
    })
    .superRefine(({ regex, group_by, sort_by }, context) => {
      const groups = regex === undefined ? [] : namesIn(regex);
      for (const [at, { regex_key: key, sort_type }] of sort_by.entries()) {
        if (sort_type === 'mtime' || key === undefined || groups.includes(key)) continue;
        const message = regex === undefined ? 'regex is needed for it' : `regex has no group named "${key}"`;
        context.addIssue({ code: 'custom', path: ['sort_by', at, 'regex_key'], message });
      }
      if (group_by !== undefined && !hasGroup(group_by)) {
        context.addIssue({ code: 'custom', path: ['group_by'], message: 'it needs a group, such as (?P<name>...)' });
      }
    });

export type OrderingConfig = z.output<ReturnType<typeof orderingSetting>>;
export type SortConfig = OrderingConfig['sort_by'][number];

function namesIn(pattern: string): string[] {
  try {
    const empty = new RegExp(`${goPattern(pattern).source}|`, goPattern(pattern).flags).exec('');
    return Object.keys(empty?.groups ?? {});
  } catch {
    return [];
  }
}

function hasGroup(pattern: string): boolean {
  try {
    return groupNames(goPattern(pattern))?.length !== 0;
  } catch {
    return true;
  }
}
