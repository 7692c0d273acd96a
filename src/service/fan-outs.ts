import type { PipelinePlan } from '../config/plan.ts';
import type { Consumer } from '../core/component.ts';
import { edge, EdgeCounts } from '../core/edge.ts';
import { fanout } from '../core/fanout.ts';
import type { Account } from '../core/ledger.ts';
import type { Signal } from '../core/signal.ts';
import type { GraphOptions, Named } from './graph.ts';
import type { Sender } from './exporting/sender.ts';

type Options = Pick<GraphOptions, 'runtime' | 'stopping'>;

/** Where a pipeline ends: one branch for each of its exporters. */
export interface Branch {
  readonly consumer: Consumer;
  /** Of the exporter or connector, for what its branch did not get although others did. */
  readonly account: Account;
}

export function exporterBranch(
  { runtime }: Options,
  at: { readonly id: string; readonly signal: Signal },
  { name, instance }: Named<Sender>,
): Branch {
  const account = runtime.ledger.account('exporter', at.id, at.signal);
  const log = runtime.log.logger({ component: name });
  return { account, consumer: edge(instance, new EdgeCounts(), log, { to: account }) };
}

export function endOfPipeline({ runtime, stopping }: Options, branches: readonly Branch[]): Consumer {
  return fanout(
    branches.map(({ consumer }) => consumer),
    {
      clock: runtime.clock,
      stopping,
      onLost: (branch, { items }, reason) => lose(branches[branch]?.account, items, reason),
    },
  );
}

export interface Head {
  readonly pipeline: PipelinePlan;
  readonly consumer: Consumer;
  /** Where its data goes in the end, without what connectors make of it. */
  readonly senders: readonly Sender[];
}

/** Where a receiver, or what a connector makes, goes: one branch for each pipeline of `signal` among `heads`. */
export function startOfPipelines(
  { runtime, stopping }: Options,
  { id, signal }: { readonly id: string; readonly signal: Signal },
  all: readonly Head[],
): Consumer {
  const heads = all.filter(({ pipeline }) => pipeline.signal === signal);
  const onLost = (branch: number, { items }: { items: number }, reason: string): void => {
    const node = `${id} to ${heads[branch]?.pipeline.id ?? ''}`;
    lose(runtime.ledger.account('receiver', node, signal), items, reason);
  };
  return fanout(
    heads.map(({ consumer }) => consumer),
    { clock: runtime.clock, stopping, onLost },
  );
}

/** A branch of a fan-out did not get what the others did. */
function lose(account: Account | undefined, items: number, reason: string): void {
  if (account === undefined) return;
  account.received += items;
  account.reject(reason, items);
}
