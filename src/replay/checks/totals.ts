import type { Signal } from '../../core/signal.ts';
import type { Summary } from '../output/outcome.ts';
import type { Check, Failure } from './check.ts';

/** Every item that came in was delivered, dropped or rejected, with a reason. */
export function ledgerCloses(): Check {
  return {
    name: 'ledger_closes',
    verdict: ({ ledgerCloses: closes }) =>
      closes ? undefined : { message: 'the ledger has items that nobody accounts for', examples: [] },
  };
}

export interface KeptShare {
  readonly signal: Signal;
  readonly at_least?: number | undefined;
  readonly at_most?: number | undefined;
}

/** The share of what receivers took that each exporter delivers, of those that deliver this signal. */
export function kept({ signal, at_least: least = 0, at_most: most = Infinity }: KeptShare): Check {
  const delivered = new Map<string, number>();
  return {
    name: `kept ${signal}`,
    delivered(item, exporter) {
      if (item.signal === signal) delivered.set(exporter, (delivered.get(exporter) ?? 0) + 1);
    },
    verdict(summary) {
      const taken = takenOf(summary, signal);
      const counts = delivered.size === 0 ? [['no exporter', 0] as const] : [...delivered];
      const examples: string[] = [];
      for (const [exporter, items] of counts) {
        const share = taken === 0 ? 0 : items / taken;
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

function takenOf({ nodes }: Summary, signal: Signal): number {
  const receivers = nodes.filter((node) => node.stage === 'receiver' && node.signal === signal);
  return receivers.reduce((sum, { passed }) => sum + passed, 0);
}
