import { SIGNALS, type Signal } from '../../core/signal.ts';
import { shortened } from './amounts.ts';
import type { Effect } from './effect.ts';
import type { Dimension } from './measure.ts';
import { monthlyCost, type Prices } from './prices.ts';
import type { Side } from './span-table.ts';
import type { Tally } from './tally.ts';
import { Redaction } from '../record/redaction.ts';
import { remarksOf } from './remarks.ts';
import { totalsOf, type Totals } from './totals.ts';

export type Unit = 'count' | 'bytes' | 'money';

/** What is compared. Absent is what cannot be told. */
export interface Line {
  readonly name: string;
  readonly unit: Unit;
  readonly input?: number | undefined;
  readonly old: number;
  readonly new: number;
  readonly bytes?: { readonly old: number; readonly new: number };
  /** By how much chance makes it differ: a standard deviation. */
  readonly deviation?: { readonly old: number; readonly new: number };
  /** What nobody wants of it. */
  readonly worse?: 'more' | 'less';
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** What changed most comes first. */
  readonly lines: readonly Line[];
  /** All of it is shown, also what is unchanged. */
  readonly isWhole: boolean;
}

export interface EffectReport {
  readonly oldName: string;
  readonly newName: string;
  readonly fixtures: readonly string[];
  readonly inputMs: number;
  readonly currency: string;
  /** Lines of a section that are shown at most, but for those that are shown as a whole. */
  readonly top: number;
  readonly totals: Totals;
  /** The first of them is the summary. None is empty. */
  readonly sections: readonly Section[];
  readonly remarks: readonly string[];
  /** Bytes delivered in equal spans of time. */
  readonly timeline: { readonly old: readonly number[]; readonly new: readonly number[]; readonly stepMs: number };
}

export interface ReportOptions extends Pick<EffectReport, 'oldName' | 'newName' | 'top'> {
  readonly prices: Prices | undefined;
  /** What else is to be known, before what the numbers need. */
  readonly remarks?: readonly string[];
}

const STEPS = 96;
/** Of a name that is a sentence. */
const MAX_SENTENCE = 120;

/** An effect as everything that is shown of it, the same for every format. */
export function reportOf(effect: Effect, options: ReportOptions): EffectReport {
  const { oldName, newName, prices, top, remarks = [] } = options;
  const totals = totalsOf(effect);
  const all = [
    summary(effect, totals, prices),
    errorsLost(effect, totals),
    errorSpansLost(effect),
    errorLogsLost(effect),
    brokenTraces(effect),
    losses(effect),
    ofSignals(effect),
    cost(effect, prices),
    dimension(effect, 'service', 'Services', 'Items by service.name.'),
    dimension(effect, 'route', 'Routes', 'Spans by http.route, or by name where they have none.'),
    dimension(effect, 'severity', 'Severities', 'Log records by severity.'),
    dimension(effect, 'metric', 'Metrics', 'Data points by metric.'),
    series(effect),
    exporters(effect),
    answers(effect),
    fixtures(effect),
  ];
  return {
    oldName,
    newName,
    fixtures: effect.fixtures.map(({ name }) => name),
    inputMs: effect.inputMs,
    currency: prices?.currency ?? '',
    top,
    totals,
    sections: all.filter(({ lines }) => lines.length > 0).map((section) => completed(section)),
    remarks: [...remarks, ...remarksOf(effect)],
    timeline: timelineOf(effect),
  };
}

type Found = Omit<Section, 'isWhole'>;

function summary(effect: Effect, totals: Totals, prices: Prices | undefined): Found {
  const { input, readLater, old, new: now } = effect;
  const of = (name: string, unit: Unit, values: Omit<Line, 'name' | 'unit'>): Line => ({ name, unit, ...values });
  const [before, after] = [old.out.signals.total, now.out.signals.total];
  const lines = [
    of('Items delivered', 'count', { input: taken(effect), old: before.items, new: after.items }),
    of('Bytes delivered', 'bytes', { input: input.signals.total.bytes, old: before.bytes, new: after.bytes }),
    of('Error spans', 'count', { ...totals.errorSpans, worse: 'less' }),
    of('Error logs', 'count', { ...totals.errorLogs, worse: 'less' }),
    of('Traces whole', 'count', { input: totals.traces, old: totals.old.whole, new: totals.new.whole }),
    of('Traces broken', 'count', { old: totals.old.broken, new: totals.new.broken, worse: 'more' }),
    of('Traces gone', 'count', { old: totals.old.gone, new: totals.new.gone, worse: 'more' }),
    of('Orphaned spans', 'count', { old: totals.old.orphans, new: totals.new.orphans, worse: 'more' }),
    ...represented(effect),
    of('Series', 'count', {
      input: readLater.has('metrics') ? undefined : input.series,
      old: old.out.series,
      new: now.out.series,
    }),
  ].filter((line) => (line.input ?? 0) > 0 || line.old > 0 || line.new > 0);
  if (prices !== undefined) {
    const [oldCost, newCost] = [monthlyCost(effect, 'old', prices), monthlyCost(effect, 'new', prices)];
    lines.push(of('Cost a month', 'money', { old: oldCost.total, new: newCost.total }));
  }
  return { id: 'summary', title: 'Summary', about: '', lines };
}

/** Where spans say that they were sampled: how many they stand for. Sampling that tells keeps this as it is. */
function represented({ input, fixtures: all, old, new: now }: Effect): Line[] {
  const measures = [input, old.out, now.out];
  if (!measures.some(({ hasWeights }) => hasWeights)) return [];
  const [came, before, after] = measures.map((one) => one.spansRepresented);
  const deviationOf = (side: Side): number => Math.sqrt(all.reduce((sum, { spans }) => sum + spans.variance[side], 0));
  const deviation = { old: deviationOf('old'), new: deviationOf('new') };
  return [{ name: 'Spans represented', unit: 'count', input: came, old: before ?? 0, new: after ?? 0, deviation }];
}

/** The same for both, unless the change is about what is received. */
function taken(effect: Effect): number {
  return Math.max(effect.old.taken.total.items, effect.new.taken.total.items);
}

function ofSignals({ input, old, new: now }: Effect): Found {
  const lines = SIGNALS.flatMap((signal): Line[] => {
    const [before, after] = [old.out.signals.at(signal), now.out.signals.at(signal)];
    const items = Math.max(old.taken.at(signal).items, now.taken.at(signal).items);
    const { bytes } = input.signals.at(signal);
    return [
      { name: signal, unit: 'count', input: items, old: before.items, new: after.items },
      { name: `${signal}, bytes`, unit: 'bytes', input: bytes, old: before.bytes, new: after.bytes },
    ];
  });
  const isThere = (line: Line): boolean => (line.input ?? 0) > 0 || line.old > 0 || line.new > 0;
  const about = 'What comes in and what is delivered.';
  return { id: 'signals', title: 'Signals', about, lines: lines.filter(isThere) };
}

/** The signals that a dimension is about. */
const SIGNALS_BY = {
  service: SIGNALS,
  route: ['traces'],
  severity: ['logs'],
  metric: ['metrics'],
} as const satisfies Record<Dimension, readonly Signal[]>;

function dimension(effect: Effect, by: Dimension, title: string, about: string): Found {
  const { input, readLater, old, new: now } = effect;
  const isKnown = !SIGNALS_BY[by].some((signal) => readLater.has(signal));
  const lines = compared(old.out.by[by], now.out.by[by], isKnown ? input.by[by] : undefined);
  return { id: by, title, about, lines: sorted(lines) };
}

function losses({ old, new: now }: Effect): Found {
  const lines = counted(old.losses, now.losses);
  return { id: 'losses', title: 'Dropped and rejected', about: 'Items by reason.', lines: sorted(lines) };
}

function exporters({ old, new: now }: Effect): Found {
  const about = 'What each exporter delivers.';
  return { id: 'exporters', title: 'Exporters', about, lines: sorted(compared(old.exporters, now.exporters)) };
}

function answers({ old, new: now }: Effect): Found {
  const lines = counted(old.answers, now.answers);
  return { id: 'answers', title: 'Requests', about: 'How clients were answered in the end.', lines: sorted(lines) };
}

function counted(old: Tally, now: Tally): Line[] {
  const names = new Set([...old.names(), ...now.names()]);
  return Array.from(names, (name) => ({ name, unit: 'count', old: old.at(name).items, new: now.at(name).items }));
}

function compared(old: Tally, now: Tally, input?: Tally): Line[] {
  const names = new Set([...(input?.names() ?? []), ...old.names(), ...now.names()]);
  return Array.from(names, (name) => {
    const [before, after] = [old.at(name), now.at(name)];
    return {
      name,
      unit: 'count',
      input: input?.at(name).items,
      old: before.items,
      new: after.items,
      bytes: { old: before.bytes, new: after.bytes },
    };
  });
}

function errorsLost({ fixtures: all }: Effect, { errorLogsLost }: Totals): Found {
  const lost = new Map<string, number>();
  for (const { spans } of all)
    for (const [name, count] of spans.errorsLost) lost.set(name, (lost.get(name) ?? 0) + count);
  if (errorLogsLost > 0) lost.set('(log records)', errorLogsLost);
  const lines = Array.from(lost, ([name, count]): Line => ({ name, unit: 'count', old: count, new: 0 }));
  const about =
    'Error spans that only the old configuration delivers, by service and route, and error logs by their number.';
  return { id: 'errors', title: 'Errors lost', about, lines: sorted(lines) };
}

function errorSpansLost({ fixtures: all }: Effect): Found {
  const lines = all
    .flatMap(({ spans }) => [...spans.lostExamples])
    .map(({ traceId, spanId, label }): Line => {
      const name = shortened(REDACTION.text(`span ${spanId} of trace ${traceId}, ${label}`), MAX_SENTENCE);
      return { name, unit: 'count', old: 1, new: 0 };
    });
  const about = 'Spans with the status ERROR that only the old configuration delivers: the first ones.';
  return { id: 'error-spans', title: 'Error spans lost', about, lines };
}

function errorLogsLost({ fixtures: all }: Effect): Found {
  const lines = all
    .filter(({ errorLogs }) => errorLogs.lost > 0)
    .flatMap(({ errorLogs }) => [...errorLogs.examples])
    .map(([text, count]): Line => {
      // The whole of it may show what is a credential, and a part of that may not.
      const name = shortened(REDACTION.text(text), MAX_SENTENCE);
      return { name, unit: 'count', old: count, new: 0 };
    });
  const about = 'Log records of ERROR and worse that only the old configuration delivers: the first ones.';
  return { id: 'error-logs', title: 'Error logs lost', about, lines };
}

function brokenTraces({ fixtures: all }: Effect): Found {
  const lines = all.flatMap(({ spans }) =>
    spans.examples.map(({ traceId, spans: input, old, new: now }): Line => ({
      name: traceId,
      unit: 'count',
      input,
      old,
      new: now,
    })),
  );
  const about =
    'Spans of traces that are whole with the old configuration and broken with the new one: the first ones.';
  return { id: 'broken', title: 'Traces broken', about, lines };
}

function series({ input, readLater, old, new: now }: Effect): Found {
  const isKnown = !readLater.has('metrics');
  const names = new Set([...(isKnown ? input.metrics() : []), ...old.out.metrics(), ...now.out.metrics()]);
  const lines = Array.from(names, (name): Line => ({
    name,
    unit: 'count',
    input: isKnown ? input.seriesOf(name) : undefined,
    old: old.out.seriesOf(name),
    new: now.out.seriesOf(name),
  }));
  return { id: 'series', title: 'Series', about: 'Distinct series by metric.', lines: sorted(lines) };
}

function cost(effect: Effect, prices: Prices | undefined): Found {
  const title = 'Cost a month';
  const about = 'In a month in which as much arrives as in the time of the fixtures.';
  if (prices === undefined) return { id: 'cost', title, about, lines: [] };
  const [old, now] = [monthlyCost(effect, 'old', prices), monthlyCost(effect, 'new', prices)];
  const lines = ([...SIGNALS, 'series', 'total'] as const)
    .map((name): Line => ({ name, unit: 'money', old: old[name], new: now[name] }))
    .filter((line) => line.old > 0 || line.new > 0);
  return { id: 'cost', title, about, lines };
}

function fixtures({ fixtures: all }: Effect): Found {
  const lines = all.map(({ name, items, bytes }): Line => ({ name, unit: 'count', ...items, bytes }));
  return { id: 'fixtures', title: 'Fixtures', about: 'What is delivered of each.', lines: all.length > 1 ? lines : [] };
}

/** What changed most comes first. */
function sorted(lines: readonly Line[]): Line[] {
  const change = ({ old, new: now, bytes }: Line): number => Math.abs((bytes?.new ?? now) - (bytes?.old ?? old));
  const size = ({ old, new: now, bytes }: Line): number => Math.max(bytes?.old ?? old, bytes?.new ?? now);
  return lines.toSorted(
    (a, b) => change(b) - change(a) || size(b) - size(a) || (a.name < b.name ? -1 : Number(a.name > b.name)),
  );
}

const WHOLE: ReadonlySet<string> = new Set(['summary', 'signals', 'cost']);

/** Names come from data, and the report may be read by many: what looks like a credential is not told. */
function completed({ lines, ...section }: Found): Section {
  const redacted = lines.map((line) => ({ ...line, name: REDACTION.text(line.name) }));
  return { ...section, lines: redacted, isWhole: WHOLE.has(section.id) };
}

const REDACTION = new Redaction([]);

function timelineOf({ old, new: now, inputMs }: Effect): EffectReport['timeline'] {
  let last = Math.max(inputMs / 1000, 1);
  for (const { bySecond } of [old, now]) for (const second of bySecond.keys()) last = Math.max(last, second);
  const stepSeconds = Math.max(1, Math.ceil((last + 1) / STEPS));
  const steps = Math.ceil((last + 1) / stepSeconds);
  const of = (bySecond: ReadonlyMap<number, number>): number[] => {
    const list = new Array<number>(steps).fill(0);
    for (const [second, bytes] of bySecond) {
      const step = Math.floor(second / stepSeconds);
      list[step] = (list[step] ?? 0) + bytes;
    }
    return list;
  };
  return { old: of(old.bySecond), new: of(now.bySecond), stepMs: stepSeconds * 1000 };
}
