import { RemoraError } from '../../core/errors.ts';
import { countedExporters } from '../counted-exporters.ts';
import type { Signal } from '../../core/signal.ts';
import { checkRequest } from '../../otlp/check.ts';
import type { Plan } from '../../config/plan.ts';
import type { Fixture } from '../fixture/fixture.ts';
import type { InputEvent } from '../input.ts';
import { inputOf } from '../replay-fixture.ts';
import { replay, type Replayed } from '../replay.ts';
import type { Delivered } from '../world/upstream.ts';
import { unreceivedTexts } from '../sent-requests.ts';
import { unreadNote } from '../unread-files.ts';
import { ErrorLogs, type ErrorLogEffect } from './error-logs.ts';
import { Measure, namesBy } from './measure.ts';
import { SpanTable, type Side, type SpanEffect } from './span-table.ts';
import { Tally } from './tally.ts';

/** What one configuration makes of all fixtures. */
export interface SideEffect {
  readonly out: Measure;
  /** Items that its receivers took in, by signal. */
  readonly taken: Tally;
  /** By exporter and signal. */
  readonly exporters: Tally;
  /** What was let go of: items by node, signal and reason, as a person reads it. */
  readonly losses: Tally;
  /** Requests of the fixtures by how they were answered. */
  readonly answers: Tally;
  /** Bytes delivered, by the second after the start; several fixtures come one after the other. */
  readonly bySecond: Map<number, number>;
  /** Items that the upstream did not take of requests that it took in part: nobody knows which. */
  refused: number;
  /** What is not as it should be. */
  readonly remarks: string[];
}

export interface FixtureEffect {
  readonly name: string;
  readonly spans: SpanEffect;
  readonly errorLogs: ErrorLogEffect;
  readonly bytes: Readonly<Record<Side, number>>;
  readonly items: Readonly<Record<Side, number>>;
}

/** The effect of a change, over all fixtures. */
export interface Effect {
  readonly fixtures: FixtureEffect[];
  readonly input: Measure;
  /** Signals of files and pages, which say nothing of services, severities and metrics before they are read. */
  readonly readLater: Set<Signal>;
  readonly old: SideEffect;
  readonly new: SideEffect;
  /** Virtual time of the input, milliseconds. */
  inputMs: number;
}

/** How one fixture is replayed. */
export interface EffectRun {
  readonly fixture: Fixture;
  readonly plans: Readonly<Record<Side, Plan>>;
  /** Ids of the exporters that count; undefined: all but those of the type `debug`. */
  readonly exporters: readonly string[] | undefined;
  readonly limitMs: number;
  /** The share of the work that is done, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

interface Closing {
  readonly plan: Plan;
  readonly counted: ReadonlySet<string>;
  /** Of the fixture. */
  readonly name: string;
}

const SIDES = ['old', 'new'] as const;

/** Adds fixture after fixture; the same ones in the same order give the same effect. */
export class EffectMeasure {
  readonly effect: Effect;
  /** Of the fixture that is replayed. */
  #spans = new SpanTable();
  #errorLogs = new ErrorLogs();

  constructor() {
    const names = namesBy();
    const side = (which: Side): SideEffect => ({
      out: new Measure(
        names,
        (span) => this.#spans.arrived(which, span),
        (log) => this.#errorLogs.arrived(which, log),
      ),
      taken: new Tally(),
      exporters: new Tally(),
      losses: new Tally(),
      answers: new Tally(),
      bySecond: new Map(),
      refused: 0,
      remarks: [],
    });
    const input = new Measure(names, (span) => this.#spans.add(span));
    this.effect = { fixtures: [], input, readLater: new Set(), old: side('old'), new: side('new'), inputMs: 0 };
  }

  /** Replays a fixture through both. Throws `fixture_invalid`, `replay_stuck`, and `config_invalid` for an exporter that neither has. */
  async add(run: EffectRun): Promise<void> {
    const { effect } = this;
    const { fixture, plans, exporters = [] } = run;
    for (const id of exporters) {
      if (plans.old.exporters.has(id) || plans.new.exporters.has(id)) continue;
      const known = new Set([...plans.old.exporters.keys(), ...plans.new.exporters.keys()]);
      const message = `no exporter "${id}" is in a pipeline of either configuration, only ${[...known].join(', ')}`;
      throw new RemoraError('config_invalid', message);
    }
    const before = { old: effect.old.out.signals.total, new: effect.new.out.signals.total };
    this.#spans = new SpanTable();
    this.#errorLogs = new ErrorLogs();
    const inputMs = await this.#replay(run, 'old');
    await this.#replay(run, 'new');
    const of = (side: Side, unit: 'items' | 'bytes'): number =>
      effect[side].out.signals.total[unit] - before[side][unit];
    effect.fixtures.push({
      name: fixture.name,
      spans: this.#spans.effect(),
      errorLogs: this.#errorLogs.effect(),
      items: { old: of('old', 'items'), new: of('new', 'items') },
      bytes: { old: of('old', 'bytes'), new: of('new', 'bytes') },
    });
    this.#spans = new SpanTable();
    this.#errorLogs = new ErrorLogs();
    effect.inputMs += inputMs;
  }

  /** Returns the virtual time of the input. */
  async #replay({ fixture, plans, exporters, limitMs, onProgress }: EffectRun, side: Side): Promise<number> {
    const plan = plans[side];
    const into = this.effect[side];
    const input = inputOf(fixture);
    const counted = exporters === undefined ? countedExporters(plan) : new Set(exporters);
    let lastMs = input.untilMs ?? 0;
    const onEvent = (event: InputEvent): void => {
      lastMs = Math.max(lastMs, event.atMs);
      if (side === 'old') this.#take(event);
    };
    const wholeMs = input.untilMs ?? 0;
    const replayed = await replay({
      plan,
      input: { ...input, events: tapped(input.events, onEvent) },
      limitMs,
      onDelivered: (delivered) => {
        if (counted.has(delivered.exporterId)) this.#deliver(into, delivered);
      },
      ...(onProgress === undefined || wholeMs === 0
        ? {}
        : { onProgress: (atMs) => onProgress(Math.min(1, atMs / wholeMs) / 2 + SIDES.indexOf(side) / 2) }),
    }).catch((error: unknown) => {
      throw ofSide(error, `${fixture.name}, ${side} configuration`);
    });
    this.#close(into, replayed, { plan, counted, name: fixture.name });
    if (side === 'old') {
      for (const { reply } of fixture.pages) if (!('failure' in reply)) this.#takeLater('metrics', reply.body.length);
    }
    return lastMs;
  }

  #take(event: InputEvent): void {
    const { input } = this.effect;
    if (event.kind === 'request') {
      const items = itemsOf(event.signal, event.bytes);
      if (items === undefined) input.signals.addAll(event.signal, 0, event.bytes.length);
      else input.add(event.signal, [event.bytes], items);
    } else if (event.op === 'append') this.#takeLater('logs', event.content.length);
  }

  #takeLater(signal: Signal, bytes: number): void {
    this.effect.input.signals.addAll(signal, 0, bytes);
    this.effect.readLater.add(signal);
  }

  #deliver(into: SideEffect, delivered: Delivered): void {
    const { exporterId, signal, chunks, rejectedItems, atMs } = delivered;
    const items = delivered.items - rejectedItems;
    if (items === 0 && rejectedItems > 0) return;
    into.refused += rejectedItems;
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    const second = Math.floor((this.effect.inputMs + atMs) / 1000);
    into.out.add(signal, chunks, items, exporterId);
    into.exporters.addAll(`${exporterId} ${signal}`, items, bytes);
    into.bySecond.set(second, (into.bySecond.get(second) ?? 0) + bytes);
  }

  #close(into: SideEffect, replayed: Replayed, { plan, counted, name }: Closing): void {
    const { ledger, ledgerCloses, clients, unknownPages, unreadFiles } = replayed;
    for (const { stage, node, signal, received, dropped, rejected } of ledger) {
      if (stage === 'exporter' && !counted.has(node)) continue;
      if (stage === 'receiver' && plan.receivers.has(node)) into.taken.addAll(signal, received, 0);
      for (const [outcome, reasons] of Object.entries({ dropped, rejected })) {
        for (const [reason, items] of Object.entries(reasons))
          into.losses.addAll(`${outcome === 'rejected' ? 'rejected, ' : ''}${reason}: ${node}, ${signal}`, items, 0);
      }
    }
    for (const [answer, count] of clients.answers) into.answers.addAll(answer, count, 0);
    const unreceived = Object.fromEntries(clients.unreceived);
    for (const text of unreceivedTexts({ unreceived })) into.remarks.push(`${name}: ${text}`);
    for (const url of unknownPages) into.remarks.push(`${name}: ${url} is scraped, and the fixture has no page of it`);
    for (const note of unreadNote(unreadFiles)) into.remarks.push(`${name}: ${note}`);
    if (!ledgerCloses) into.remarks.push(`${name}: the ledger does not close`);
  }
}

/** Where a replay ended that never came to its end. */
function ofSide(error: unknown, where: string): unknown {
  if (!(error instanceof RemoraError && error.code === 'replay_stuck')) return error;
  return new RemoraError(error.code, `${where}: ${error.message}`, { cause: error });
}

async function* tapped(
  events: AsyncIterable<InputEvent> | Iterable<InputEvent>,
  onEvent: (event: InputEvent) => void,
): AsyncGenerator<InputEvent, undefined> {
  for await (const event of events) {
    onEvent(event);
    yield event;
  }
  return undefined;
}

/** Undefined for what is no OTLP, which a fixture may have on purpose. */
function itemsOf(signal: Signal, request: Uint8Array): number | undefined {
  try {
    return checkRequest(signal, request);
  } catch {
    return undefined;
  }
}
