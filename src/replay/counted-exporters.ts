import type { Plan } from '../config/plan.ts';

/** Ids of the exporters whose deliveries count. Those of the type `debug` are for people: they count where there is nothing else. */
export function countedExporters({ exporters }: Pick<Plan, 'exporters'>): ReadonlySet<string> {
  const others = [...exporters].filter(([, { definition }]) => definition.type !== 'debug').map(([id]) => id);
  return new Set(others.length === 0 ? exporters.keys() : others);
}
