import type { LimitedValues } from './explanation.ts';
import type { Findings } from './findings.ts';
import { Fix, isBucketable, MAX_LIMIT, roundedUp } from './fixes.ts';

export interface ValueFixFor {
  /** The id of the limiter. */
  readonly processor: string;
  readonly values: LimitedValues;
  readonly limit: number;
  readonly findings: Findings;
}

/** What would keep values below their limit, the best first. */
export function valueFixesFor({ processor, values, limit, findings }: ValueFixFor): Fix[] {
  const ruleOf = (rule: object): object => ({
    processors: { [processor]: { [values.of]: { [values.list]: listed(values, rule) } } },
  });
  const fixes: Fix[] = [];
  if (findings.labels.some(isBucketable)) {
    const advice = 'Values beyond the limit have their ids replaced, such as /users/{number}.';
    fixes.push(new Fix(advice, ruleOf({ limit, on_overflow: 'bucket' })));
  }
  if (values.list !== 'name') fixes.push(deletion(values));
  const raised = Math.min(MAX_LIMIT, roundedUp(Math.max(limit, findings.series) * 1.5));
  return [
    ...fixes,
    new Fix(
      'Raises the limit, if so many values are right; max_series and max_bytes need room for them.',
      ruleOf({ limit: raised }),
    ),
  ];
}

/** A list of the configuration is one as a whole: other attributes of it are to be named besides. */
function listed({ list, key }: LimitedValues, rule: object): object {
  return list === 'name' ? rule : [{ key, ...rule }];
}

function deletion({ list, key }: LimitedValues): Fix {
  const actions = [{ key, action: 'delete' }];
  const processors =
    list === 'attributes'
      ? { 'attributes/cardinality': { actions } }
      : { 'resource/cardinality': { attributes: actions } };
  return new Fix(
    'Deletes the attribute everywhere. Name it in the pipeline, before the limiter. Better still, the sender does not set it.',
    { processors },
  );
}
