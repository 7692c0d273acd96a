import type { LimitedValues } from './explanation.ts';
import type { Findings } from './findings.ts';
import { isBucketable, MAX_LIMIT, roundedUp, yamlOf, type Fix } from './fixes.ts';

export interface ValueFixFor {
  /** The id of the limiter. */
  readonly processor: string;
  readonly values: LimitedValues;
  readonly limit: number;
  readonly findings: Findings;
}

/** What would keep values below their limit, the best first. */
export function valueFixesFor({ processor, values, limit, findings }: ValueFixFor): Fix[] {
  const ruleOf = (rule: object): string =>
    yamlOf({ processors: { [processor]: { [values.of]: { [values.list]: listed(values, rule) } } } });
  const fixes: Fix[] = [];
  if (findings.labels.some(isBucketable)) {
    fixes.push({
      advice: 'Values beyond the limit have their ids replaced, such as /users/{number}.',
      yaml: ruleOf({ limit, on_overflow: 'bucket' }),
    });
  }
  if (values.list !== 'name') fixes.push(deletion(values));
  const raised = Math.min(MAX_LIMIT, roundedUp(Math.max(limit, findings.series) * 1.5));
  return [
    ...fixes,
    {
      advice: 'Raises the limit, if so many values are right; max_series and max_bytes need room for them.',
      yaml: ruleOf({ limit: raised }),
    },
  ];
}

/** A list of the configuration is one as a whole: other attributes of it are to be named besides. */
function listed({ list, key }: LimitedValues, rule: object): object {
  return list === 'name' ? rule : [{ key, ...rule }];
}

function deletion({ list, key }: LimitedValues): Fix {
  const actions = [{ key, action: 'delete' }];
  const processor =
    list === 'attributes'
      ? { 'attributes/cardinality': { actions } }
      : { 'resource/cardinality': { attributes: actions } };
  return {
    advice:
      'Deletes the attribute everywhere. Name it in the pipeline, before the limiter. Better still, the sender does not set it.',
    yaml: yamlOf({ processors: processor }),
  };
}
