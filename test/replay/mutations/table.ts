import { EXPORTER_MUTATIONS } from './exporters.ts';
import { METRIC_MUTATIONS } from './metrics.ts';
import type { Mutation } from './mutation.ts';
import { PROCESSOR_MUTATIONS } from './processors.ts';
import { RECEIVER_MUTATIONS } from './receivers.ts';
import { SAMPLER_MUTATIONS } from './samplers.ts';

export const MUTATIONS: readonly Mutation[] = [
  ...RECEIVER_MUTATIONS,
  ...PROCESSOR_MUTATIONS,
  ...SAMPLER_MUTATIONS,
  ...METRIC_MUTATIONS,
  ...EXPORTER_MUTATIONS,
];

export function nameOf({ of, change }: Mutation): string {
  return `${of}: ${change}`;
}

/** The source with the change. Throws where the text to change is not there, or more than once. */
export function mutated(source: string, { file, from, to }: Mutation): string {
  const [head, ...tails] = source.split(from);
  const [tail] = tails;
  if (head === undefined || tail === undefined || tails.length > 1) {
    throw new Error(`"${from}" is ${tails.length} times in ${file}, not once.`);
  }
  return head + to + tail;
}
