import type { Clock } from '../../../core/clock.ts';
import { goPattern } from '../../../core/go-pattern.ts';
import { TimeParser } from '../operators/time-parser.ts';
import type { FoundFile } from './finder.ts';
import type { OrderingConfig, SortConfig } from './ordering-settings.ts';

/** Compares two files; NaN never comes out of it. */
type Sort = (a: Candidate, b: Candidate) => number;
type Value = number | string | undefined;

interface Candidate {
  readonly file: FoundFile;
  readonly groups: Readonly<Record<string, string>>;
}

/**
 * `ordering_criteria`: of the files that match, the first `top_n` of each group. Files whose path does not match `regex`
 * or `group_by`, or whose value is not of the type, are left out, as in the Collector.
 */
export function makeOrdering(
  config: OrderingConfig,
  clock: Clock,
): (files: readonly FoundFile[]) => readonly FoundFile[] {
  const regex = config.regex === undefined ? undefined : goPattern(config.regex);
  const groupBy = config.group_by === undefined ? undefined : goPattern(config.group_by);
  const values = config.sort_by.map((sort) => valueOf(sort, clock));
  const sorts = config.sort_by.map(({ ascending }, at) => compare(values[at] ?? (() => undefined), ascending));
  const limit = Math.max(1, config.top_n);
  return (files) => {
    const groups = new Map<string, Candidate[]>();
    for (const file of files) {
      const group = groupBy === undefined ? '' : groupBy.exec(file.path)?.[1];
      const match = regex?.exec(file.path);
      if (group === undefined || match === null) continue;
      const candidate = { file, groups: match?.groups ?? {} };
      if (values.some((value) => value(candidate) === undefined)) continue;
      const members = groups.get(group);
      if (members === undefined) groups.set(group, [candidate]);
      else members.push(candidate);
    }
    return Array.from(groups.values(), (members) => best(members, sorts, limit)).flat();
  };
}

function best(members: Candidate[], sorts: readonly Sort[], limit: number): FoundFile[] {
  for (const sort of sorts) members.sort(sort);
  return members.slice(0, limit).map(({ file }) => file);
}

function compare(value: (candidate: Candidate) => Value, ascending: boolean): Sort {
  const sign = ascending ? 1 : -1;
  return (a, b) => {
    const [one, other] = [value(a) ?? 0, value(b) ?? 0];
    return one === other ? 0 : one < other ? -sign : sign;
  };
}

function valueOf({ sort_type: type, regex_key: key = '', layout = '', location }: SortConfig, clock: Clock) {
  switch (type) {
    case 'mtime':
      return ({ file }: Candidate): Value => file.stats.modifiedMs;
    case 'alphabetical':
      return ({ groups }: Candidate): Value => groups[key] ?? '';
    case 'numeric':
      return ({ groups }: Candidate): Value => wholeNumber(groups[key] ?? '');
    case 'timestamp': {
      const parser = new TimeParser({ layoutType: 'strptime', layout, location });
      return ({ groups }: Candidate): Value =>
        parser.parse(groups[key] ?? '', clock.now()) ? parser.seconds * 1000 + parser.nanos / 1e6 : undefined;
    }
  }
}

function wholeNumber(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}
