const CLOSURES = 'closures are not available; name the elements, such as "a" in body.list';
const CLOCK = 'there is no clock here; compare timestamp.Unix() with seconds since 1970';
const WITH_CLOSURE =
  'all any none one filter map find findIndex findLast findLastIndex count sum groupBy sortBy reduce';

/** Functions of the Collector's language that are not here, and what to do instead. */
export const ABSENT_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ...WITH_CLOSURE.split(' ').map((name) => [name, CLOSURES] as const),
  ...['now', 'date', 'duration', 'timezone'].map((name) => [name, CLOCK] as const),
  ['fromJSON', 'a json_parser before this operator makes values of JSON'],
]);
