import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as z from 'zod';

/** What the upstream wrote, counted from its OTLP JSON lines. */
export interface Arrived {
  readonly spans: number;
  readonly logRecords: number;
  /** Data points of the application's own metrics. */
  readonly points: number;
  /** Data points that the scraper adds: `up` and its siblings, and staleness markers. */
  readonly synthetic: number;
  /** By trace id in hex. */
  readonly traces: ReadonlyMap<string, TraceCounts>;
}

export interface TraceCounts {
  spans: number;
  logs: number;
}

const items = z.array(z.object({ traceId: z.string().optional() })).default([]);
const data = z.object({ dataPoints: z.array(z.object({ flags: z.number().default(0) })).default([]) });
const metric = z.object({
  name: z.string(),
  gauge: data.optional(),
  sum: data.optional(),
  histogram: data.optional(),
  exponentialHistogram: data.optional(),
  summary: data.optional(),
});
const request = z.object({
  resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: items })).default([]) })).default([]),
  resourceLogs: z.array(z.object({ scopeLogs: z.array(z.object({ logRecords: items })).default([]) })).default([]),
  resourceMetrics: z
    .array(z.object({ scopeMetrics: z.array(z.object({ metrics: z.array(metric).default([]) })).default([]) }))
    .default([]),
});

const ABOUT_THE_SCRAPE = new Set([
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
]);

export async function arrivedIn(path: string): Promise<Arrived> {
  const counts: Counts = { spans: 0, logRecords: 0, points: 0, synthetic: 0, traces: new Map() };
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line !== '') count(request.parse(JSON.parse(line)), counts);
  }
  return counts;
}

interface Counts {
  spans: number;
  logRecords: number;
  points: number;
  synthetic: number;
  readonly traces: Map<string, TraceCounts>;
}

function count(line: z.output<typeof request>, counts: Counts): void {
  for (const { traceId } of line.resourceSpans.flatMap((one) => one.scopeSpans.flatMap(({ spans }) => spans))) {
    counts.spans += 1;
    if (traceId !== undefined) traceOf(counts.traces, traceId).spans += 1;
  }
  for (const { traceId } of line.resourceLogs.flatMap((one) => one.scopeLogs.flatMap((each) => each.logRecords))) {
    counts.logRecords += 1;
    if (traceId !== undefined) traceOf(counts.traces, traceId).logs += 1;
  }
  for (const { name, gauge, sum, histogram, exponentialHistogram, summary } of metricsOf(line)) {
    for (const one of [gauge, sum, histogram, exponentialHistogram, summary]) {
      for (const { flags } of one?.dataPoints ?? []) {
        if (ABOUT_THE_SCRAPE.has(name) || flags === 1) counts.synthetic += 1;
        else counts.points += 1;
      }
    }
  }
}

function traceOf(traces: Map<string, TraceCounts>, id: string): TraceCounts {
  const known = traces.get(id);
  if (known !== undefined) return known;
  const made = { spans: 0, logs: 0 };
  traces.set(id, made);
  return made;
}

function metricsOf({ resourceMetrics }: z.output<typeof request>): z.output<typeof metric>[] {
  return resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
}
