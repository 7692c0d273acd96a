import type { Plan } from '../config/plan.ts';

/** Exporters that ask `context.outside` for their sockets, and so have an upstream. */
const OVER_SOCKETS = new Set(['otlp', 'otlphttp']);

export function isSending(type: string): boolean {
  return OVER_SOCKETS.has(type);
}

/** Ids of the exporters that an upstream answers. */
export function sendingExporters({ exporters }: Pick<Plan, 'exporters'>): string[] {
  return [...exporters].filter(([, { definition }]) => isSending(definition.type)).map(([id]) => id);
}

/** Ids of the exporters whose deliveries count. Those of the type `debug` are for people: they count where there is nothing else. */
export function countedExporters({ exporters }: Pick<Plan, 'exporters'>): ReadonlySet<string> {
  const others = [...exporters].filter(([, { definition }]) => definition.type !== 'debug').map(([id]) => id);
  return new Set(others.length === 0 ? exporters.keys() : others);
}
