import type { Signal } from '../../core/signal.ts';
import type { InputEvent, RequestEvent } from '../input.ts';
import { ItemLines } from '../output/item-lines.ts';
import { itemsOf, type Item } from '../output/items.ts';
import type { Summary } from '../output/outcome.ts';
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
  /** Undefined: of every one. */
  readonly exporter: string | undefined;
}

/** The checks of one replay. What none of them looks at is not read. */
export class Checks {
  readonly #all: readonly Bound[];
  readonly #lines = new Map<Signal, ItemLines>();

  /** `startMs` is the wall time at 0. */
  constructor(settings: readonly CheckSettings[], startMs: number) {
    this.#all = settings.flatMap((one) => checksOf(one, startMs).map((check) => ({ check, exporter: one.exporter })));
  }

  arrived(event: InputEvent): void {
    if (event.kind !== 'request' || event.signal !== 'traces') return;
    const checks = this.#all.filter(({ check }) => check.arrived !== undefined);
    if (checks.length === 0) return;
    for (const item of this.#readInput(event)) for (const { check } of checks) check.arrived?.(item, event.atMs);
  }

  delivered({ signal, exporterId, chunks, atMs }: Delivered): void {
    const checks = this.#all.filter(
      ({ check, exporter }) => check.delivered !== undefined && (exporter === undefined || exporter === exporterId),
    );
    if (checks.length === 0) return;
    for (const item of this.#read(signal, Buffer.concat(chunks))) {
      for (const { check } of checks) check.delivered?.(item, exporterId, atMs);
    }
  }

  results(summary: Summary): CheckResult[] {
    return this.#all.map(({ check, exporter }) => {
      const name = exporter === undefined ? check.name : `${check.name} of exporter ${exporter}`;
      const failure = check.verdict(summary);
      if (failure === undefined) return { name, examples: [] };
      return { name, failure: failure.message, examples: failure.examples };
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
