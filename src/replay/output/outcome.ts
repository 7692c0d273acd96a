import { createHash, type Hash } from 'node:crypto';
import { errorMessage, RemoraError } from '../../core/errors.ts';
import type { LedgerRow } from '../../core/ledger.ts';
import type { Signal } from '../../core/signal.ts';
import type { Registry } from '../../telemetry/registry.ts';
import type { Replayed } from '../replay.ts';
import type { Delivered } from '../world/upstream.ts';
import { ItemLines } from './item-lines.ts';
import { byCodeUnits } from './normal.ts';

/** What an exporter delivered of one signal. */
export interface Output {
  readonly exporter: string;
  readonly signal: Signal;
  readonly items: number;
  /** Of the lines, in the order of delivery. */
  readonly sha256: string;
  /** See ItemLines; undefined when only digests are kept. */
  readonly lines: Uint8Array | undefined;
}

/** What came of a replay: all that a later one is compared with. */
export interface Outcome {
  /** In the order of their names. */
  readonly outputs: readonly Output[];
  readonly summary: Summary;
  /** The self metrics at the end, but for the hash of the configuration: `name{label="value"} 1`, sorted. */
  readonly metrics: string;
}

export interface Summary {
  readonly ledgerCloses: boolean;
  readonly nodes: readonly NodeSummary[];
  readonly requests: {
    readonly answers: Readonly<Record<string, number>>;
    readonly retries: number;
    /** Of receivers that the configuration does not have. */
    readonly unreceived: Readonly<Record<string, number>>;
    /** Those that a receiver took and never answered; absent when there are none. */
    readonly unanswered?: number;
  };
  readonly unknownPages: readonly string[];
  /** Absent when there are none. */
  readonly unreadFiles?: readonly string[];
}

/** A row of the ledger, without what is nothing. */
export type NodeSummary = Pick<LedgerRow, 'stage' | 'node' | 'signal' | 'received' | 'passed'> &
  Partial<Pick<LedgerRow, 'dropped' | 'rejected' | 'held'>>;

/** Of the lines of an output; larger ones can be told by a digest. */
export const MAX_LINES_BYTES = 256 * 2 ** 20;

interface Growing {
  readonly exporter: string;
  readonly signal: Signal;
  readonly format: ItemLines;
  readonly hash: Hash;
  readonly chunks: Uint8Array[];
  /** Of the chunks. */
  bytes: number;
  items: number;
}

function linesOf({ exporter, signal, format }: Growing, chunks: readonly Uint8Array[]): Uint8Array {
  const [only, ...more] = chunks;
  try {
    return format.of(only !== undefined && more.length === 0 ? only : Buffer.concat(chunks));
  } catch (cause) {
    const message = `Exporter ${exporter} delivered ${signal} that are not OTLP: ${errorMessage(cause)}`;
    throw new RemoraError('payload_malformed', message, { cause });
  }
}

/** Gathers what a replay delivers. */
export class OutputBook {
  readonly #keepsLines: boolean;
  readonly #outputs = new Map<string, Growing>();

  constructor(keepsLines: boolean) {
    this.#keepsLines = keepsLines;
  }

  /** Throws `fixture_invalid` where there are more lines than can be kept, and `payload_malformed` for what is not OTLP. */
  add({ exporterId: exporter, signal, chunks, items }: Delivered): void {
    const output = this.#output(exporter, signal);
    const lines = linesOf(output, chunks);
    output.items += items;
    output.hash.update(lines);
    if (!this.#keepsLines) return;
    if (output.bytes + lines.length > MAX_LINES_BYTES)
      throw new RemoraError('fixture_invalid', `${exporter} delivers too much to keep its items; use expect: digest`);
    output.chunks.push(Buffer.from(lines));
    output.bytes += lines.length;
  }

  outcome(replayed: Replayed): Outcome {
    const outputs = Array.from(this.#outputs.values(), ({ exporter, signal, items, hash, chunks }) => ({
      exporter,
      signal,
      items,
      sha256: hash.copy().digest('hex'),
      lines: this.#keepsLines ? Buffer.concat(chunks) : undefined,
    }));
    outputs.sort((a, b) => byCodeUnits(`${a.exporter}\n${a.signal}`, `${b.exporter}\n${b.signal}`));
    return { outputs, summary: summaryOf(replayed), metrics: metricsText(replayed.registry) };
  }

  #output(exporter: string, signal: Signal): Growing {
    const key = `${exporter}\n${signal}`;
    const known = this.#outputs.get(key);
    if (known !== undefined) return known;
    const made = {
      exporter,
      signal,
      format: new ItemLines(signal),
      hash: createHash('sha256'),
      chunks: [],
      bytes: 0,
      items: 0,
    };
    this.#outputs.set(key, made);
    return made;
  }
}

/** Of everything that comes of a replay: the same for the same bytes. */
export function digestOf({ outputs, summary, metrics }: Outcome): string {
  const hash = createHash('sha256').update(JSON.stringify(summary)).update(metrics);
  for (const { exporter, signal, items, sha256 } of outputs) hash.update(`${exporter} ${signal} ${items} ${sha256}`);
  return hash.digest('hex');
}

function summaryOf({ ledger, ledgerCloses, clients, unknownPages, unreadFiles }: Replayed): Summary {
  const nodes = ledger
    .filter(({ received, held, imbalance }) => received > 0 || held > 0 || imbalance !== 0)
    .map(({ stage, node, signal, received, passed, dropped, rejected, held }) => ({
      stage,
      node,
      signal,
      received,
      passed,
      ...(isEmpty(dropped) ? {} : { dropped: sorted(Object.entries(dropped)) }),
      ...(isEmpty(rejected) ? {} : { rejected: sorted(Object.entries(rejected)) }),
      ...(held === 0 ? {} : { held }),
    }));
  return {
    ledgerCloses,
    nodes: nodes.sort((a, b) => byCodeUnits(`${a.stage} ${a.node} ${a.signal}`, `${b.stage} ${b.node} ${b.signal}`)),
    requests: {
      answers: sorted(clients.answers),
      retries: clients.retries,
      unreceived: sorted(clients.unreceived),
      ...(clients.underWay === 0 ? {} : { unanswered: clients.underWay }),
    },
    unknownPages: unknownPages.toSorted(byCodeUnits),
    ...(unreadFiles.length === 0 ? {} : { unreadFiles: unreadFiles.toSorted(byCodeUnits) }),
  };
}

/** The hash of the configuration would change with every edit, and an edit that changes nothing else is as expected. */
const CONFIG_INFO = 'remora_config_info';

function metricsText(registry: Registry): string {
  const lines: string[] = [];
  for (const { spec, series } of registry.families()) {
    if (spec.name === CONFIG_INFO) continue;
    for (const { labels, read, histogram } of series) {
      const text = spec.labels.map((label) => `${label}=${JSON.stringify(labels[label] ?? '')}`).join(',');
      const all = text === '' ? '' : `{${text}}`;
      if (histogram === undefined) lines.push(`${spec.name}${all} ${read()}`);
      else lines.push(`${spec.name}_count${all} ${histogram.count}`, `${spec.name}_sum${all} ${histogram.sum}`);
    }
  }
  return lines
    .sort(byCodeUnits)
    .map((line) => `${line}\n`)
    .join('');
}

function isEmpty(counts: Readonly<Record<string, number>>): boolean {
  return Object.keys(counts).length === 0;
}

function sorted(counts: Iterable<readonly [string, number]>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => byCodeUnits(a, b)));
}
