import type { PlannedConnector } from '../config/components.ts';
import type { Component, Consumer } from '../core/component.ts';
import { edge, EdgeCounts } from '../core/edge.ts';
import type { Account } from '../core/ledger.ts';
import type { Signal } from '../core/signal.ts';
import { meterConsumed, meterProduced } from './edge-metrics.ts';
import { startOfPipelines, type Branch, type Head } from './fan-outs.ts';
import type { GraphOptions, Named } from './graph.ts';
import type { ConnectorPlace } from './topology.ts';

/** A connector between the pipelines that give to it and those, built already, that take what it makes. */
export async function createConnector(
  options: GraphOptions,
  { prepared }: PlannedConnector,
  place: ConnectorPlace,
  heads: readonly Head[],
): Promise<{ readonly component: Named<Component>; readonly branch: Branch }> {
  const { runtime } = options;
  const { id, signal, makes } = place;
  const context = runtime.context('connector', id, ` (${signal})`);
  const account = runtime.ledger.account('connector', id, signal);
  const next: Partial<Record<Signal, Consumer>> = {};
  const made: Partial<Record<Signal, Account>> = {};
  for (const output of makes) {
    if (!heads.some(({ pipeline }) => pipeline.signal === output)) continue;
    const counts = new EdgeCounts();
    meterProduced(runtime.registry, { connector: id, signal, output }, counts);
    const source = runtime.ledger.account('receiver', id, output);
    made[output] = source;
    next[output] = edge(startOfPipelines(options, { id, signal: output }, heads), counts, context.log, { source });
  }
  const instance = await prepared.create({ ...context, signal, next, account, made });
  const consumed = new EdgeCounts();
  meterConsumed(runtime.registry, { connector: id, signal }, consumed);
  // What it took has passed: it was observed, and what was made of it is received anew.
  const consumer = edge(instance, consumed, context.log, { from: account, to: account });
  return { component: { name: `connector ${id} (${signal})`, instance }, branch: { consumer, account } };
}
