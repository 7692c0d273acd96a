import * as z from 'zod';
import { checkSchema } from '../../config/check-schema.ts';
import { formatProblem, Problems } from '../../config/problem.ts';
import { parseSource, readSource, readUtf8 } from '../../config/source.ts';
import { PARSED_ONCE } from '../../core/parsed-parts.ts';
import { RemoraError } from '../../core/errors.ts';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import type { Effect } from './effect.ts';
import type { Side } from './span-table.ts';

const price = () => z.number().nonnegative().max(1e9).default(0);

const perSignal = () =>
  z
    .strictObject({
      per_gb: price().describe('For 10^9 bytes of OTLP before compression.'),
      per_million_items: price().describe('For a million spans, log records or data points.'),
    })
    .prefault({});

const prices = () =>
  z.strictObject({
    currency: z.string().min(1).max(8).default('USD').describe('What amounts are in.'),
    traces: perSignal().describe('Prices of spans.'),
    logs: perSignal().describe('Prices of log records.'),
    metrics: perSignal().describe('Prices of data points.'),
    series: z
      .strictObject({ per_1000_a_month: price().describe('For a thousand series, a month.') })
      .prefault({})
      .describe('Prices of series.'),
  });

export type Prices = z.output<ReturnType<typeof prices>>;

/** Reads a file of prices; every problem at file:line:column in one `prices_invalid`. */
export async function readPrices(path: string): Promise<Prices> {
  const problems = new Problems();
  const read = await readSource(path, { env: {}, readFile: readUtf8 }, problems);
  const root = read === undefined ? undefined : parseSource(read, problems);
  const schema = prices();
  const checked =
    root === undefined
      ? undefined
      : checkSchema({ root, base: [], schema, problems }, (raw) => {
          const result = schema.safeParse(raw, PARSED_ONCE);
          return result.success ? { ok: true, value: result.data } : { ok: false, issues: result.error.issues };
        });
  if (checked === undefined || problems.hasErrors)
    throw new RemoraError('prices_invalid', problems.errors.map(formatProblem).join('\n'));
  return checked.value;
}

/** A year by twelve. */
export const MONTH_MS = (365 * 86_400_000) / 12;

export type Cost = Readonly<Record<Signal | 'series' | 'total', number>>;

/** What a month costs in which as much arrives as in the time of the fixtures. */
export function monthlyCost({ inputMs, ...effect }: Effect, side: Side, prices: Prices): Cost {
  const { out } = effect[side];
  const months = Math.max(1000, inputMs) / MONTH_MS;
  const [traces = 0, metrics = 0, logs = 0] = SIGNALS.map((signal) => {
    const { items, bytes } = out.signals.at(signal);
    const { per_gb, per_million_items } = prices[signal];
    return ((bytes / 1e9) * per_gb + (items / 1e6) * per_million_items) / months;
  });
  const series = (out.series / 1000) * prices.series.per_1000_a_month;
  return { traces, metrics, logs, series, total: traces + metrics + logs + series };
}
