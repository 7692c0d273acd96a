import type { Signal } from '../../core/signal.ts';
import type { Summary } from '../output/outcome.ts';
import type { Check, Failure } from './check.ts';

/** Every item that came in was delivered, dropped or rejected, with a reason. */
export function ledgerCloses(): Check {
  return {
    name: 'ledger_closes',
    verdict({ ledgerCloses: closes, nodes }) {
      if (nodes.length === 0) return { message: 'nothing came in, so it proves nothing', examples: [] };
      return closes ? undefined : { message: 'the ledger has items that nobody accounts for', examples: [] };
    },
  };
}

export interface KeptShare {
  readonly signal: Signal;
  readonly at_least?: number | undefined;
  readonly at_most?: number | undefined;
}

/** The share of what receivers took that each exporter delivers, of those that are given this signal. */
export function kept({ signal, at_least: least = 0, at_most: most = Infinity }: KeptShare): Check {
  return {
    name: `kept ${signal}`,
    verdict(summary, exporters) {
      const taken = takenOf(summary, signal);
      if (taken === 0) return { message: `no receiver took any ${signal}, so it proves nothing`, examples: [] };
      const examples: string[] = [];
      for (const [exporter, items] of passedOf(summary, signal, exporters)) {
        const share = items / taken;
        if (share < least || share > most)
          examples.push(`${exporter}: ${items} of ${taken}, a share of ${share.toFixed(4)}`);
      }
      return examples.length === 0 ? undefined : outOfBounds(least, most, examples);
    },
  };
}

function outOfBounds(least: number, most: number, examples: readonly string[]): Failure {
  const bound = most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  return { message: `the share that is kept is not ${bound}`, examples };
}

/** What a connector makes is received, too, but by no receiver. */
function takenOf({ nodes }: Summary, signal: Signal): number {
  const connectors = new Set(nodes.filter(({ stage }) => stage === 'connector').map(({ node }) => node));
  const receivers = nodes.filter(
    (one) => one.stage === 'receiver' && one.signal === signal && !connectors.has(one.node),
  );
  return receivers.reduce((sum, { passed }) => sum + passed, 0);
}

/** What the upstream took of each exporter that was given some: also nothing. */
function passedOf({ nodes }: Summary, signal: Signal, exporters: ReadonlySet<string>): [string, number][] {
  const given = nodes.filter((one) => one.stage === 'exporter' && one.signal === signal && exporters.has(one.node));
  return given.length === 0 ? [['no exporter', 0]] : given.map(({ node, passed }) => [node, passed]);
}
