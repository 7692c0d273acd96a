import type { Plan } from '../../config/plan.ts';
import type { Signal } from '../../core/signal.ts';
import { countedExporters } from '../counted-exporters.ts';
import type { InputEvent, RequestEvent } from '../input.ts';
import { ItemLines } from '../output/item-lines.ts';
import { itemsOf, type Item } from '../output/items.ts';
import type { Summary } from '../output/outcome.ts';
import { Redaction } from '../record/redaction.ts';
import type { Delivered } from '../world/upstream.ts';
import { noAttribute } from './attributes.ts';
import type { Check, CheckResult } from './check.ts';
import { deliveredWithin } from './delay.ts';
import { maxSeries } from './series.ts';
import type { CheckSettings } from './settings.ts';
import { kept, ledgerCloses } from './totals.ts';
import { errorTracesKept } from './traces.ts';

interface Bound {
  readonly check: Check;
  /** Undefined: all that count. */
  readonly exporter: string | undefined;
  /** Whose deliveries it sees. */
  exporters: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/** The checks of one replay. What none of them looks at is not read. */
export class Checks {
  readonly #all: readonly Bound[];
  readonly #lines = new Map<Signal, ItemLines>();
  readonly #redaction = new Redaction([]);

  /** `startMs` is the wall time at 0. */
  constructor(settings: readonly CheckSettings[], startMs: number) {
    this.#all = settings.flatMap((one) =>
      checksOf(one, startMs).map((check) => ({ check, exporter: one.exporter, exporters: NONE })),
    );
  }

  /** What is replayed, which has the exporters that are named; before anything comes. */
  begin(plan: Pick<Plan, 'exporters'>): void {
    for (const bound of this.#all) {
      const { check, exporter } = bound;
      if (exporter !== undefined) bound.exporters = new Set([exporter]);
      else bound.exporters = check.countsDebug === true ? new Set(plan.exporters.keys()) : countedExporters(plan);
    }
  }

  arrived(event: InputEvent): void {
    if (event.kind !== 'request' || event.signal !== 'traces') return;
    const checks = this.#all.filter(({ check }) => check.arrived !== undefined);
    if (checks.length === 0) return;
    for (const item of this.#readInput(event)) for (const { check } of checks) check.arrived?.(item, event.atMs);
  }

  /** Of a request that the upstream takes in part nobody knows which items it took: all of them count. */
  delivered({ signal, exporterId, chunks, items, rejectedItems, atMs }: Delivered): void {
    const checks = this.#all.filter(
      ({ check, exporters }) =>
        check.delivered !== undefined && (check.signal ?? signal) === signal && exporters.has(exporterId),
    );
    if (checks.length === 0 || rejectedItems >= items) return;
    for (const item of this.#read(signal, Buffer.concat(chunks))) {
      for (const { check } of checks) check.delivered?.(item, exporterId, atMs);
    }
  }

  results(summary: Summary): CheckResult[] {
    return this.#all.map((bound) => {
      const { check, exporter } = bound;
      const name = exporter === undefined ? check.name : `${check.name} of exporter ${exporter}`;
      const failure = check.verdict(summary, bound.exporters);
      if (failure === undefined) return { name, examples: [] };
      const examples = failure.examples.map((example) => this.#redaction.text(example));
      return { name, failure: failure.message, examples };
    });
  }

  /** Nothing of malformed requests, which may be input: no receiver takes them. */
  #readInput({ signal, bytes }: RequestEvent): readonly Item[] {
    try {
      return [...this.#read(signal, bytes)];
    } catch {
      return [];
    }
  }

  #read(signal: Signal, request: Uint8Array): Iterable<Item> {
    const lines = this.#lines.get(signal) ?? new ItemLines(signal);
    this.#lines.set(signal, lines);
    lines.forget();
    return itemsOf(lines.of(request));
  }
}

function checksOf(settings: CheckSettings, startMs: number): Check[] {
  const checks: Check[] = [];
  if (settings.error_traces_kept === true) checks.push(errorTracesKept());
  if (settings.no_attribute !== undefined) checks.push(noAttribute(settings.no_attribute));
  if (settings.max_series !== undefined) checks.push(maxSeries(settings.max_series));
  if (settings.delivered_within !== undefined) checks.push(deliveredWithin(settings.delivered_within, startMs));
  if (settings.ledger_closes === true) checks.push(ledgerCloses());
  if (settings.kept !== undefined) checks.push(kept(settings.kept));
  return checks;
}
