import * as z from 'zod';

/** Values as Prometheus writes them. */

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const UNITS = ['y', 'w', 'd', 'h', 'm', 's', 'ms'];
/** Years, weeks and days are written only when nothing is left over. */
const EXACT_UNITS = 3;
const UNIT_MS = [31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1];

/** `1m`, `1h30m`, `1d`; milliseconds after parsing. As Prometheus: whole numbers, larger units first. */
export function prometheusDuration(): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const ms = parsePrometheusDuration(text);
    if (ms !== undefined) return ms;
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not a duration; write whole numbers and units, such as 15s, 1m or 1h30m`,
    });
    return z.NEVER;
  });
}

export function parsePrometheusDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = text === '' ? null : DURATION.exec(text);
  if (match === null) return undefined;
  let ms = 0;
  for (const [at, unitMs] of UNIT_MS.entries()) ms += Number(match[at + 1] ?? 0) * unitMs;
  return ms;
}

/** As Prometheus writes it into `__scrape_interval__`: `1m30s`; days, weeks and years only when nothing is left over. */
export function formatPrometheusDuration(ms: number): string {
  let text = '';
  let left = ms;
  for (const [at, unit] of UNITS.entries()) {
    const unitMs = UNIT_MS[at] ?? 1;
    if (left < unitMs || (at < EXACT_UNITS && left % unitMs !== 0)) continue;
    text += `${Math.floor(left / unitMs)}${unit}`;
    left %= unitMs;
  }
  return text === '' ? '0s' : text;
}

/** A count where 0 is no limit. */
export function limit() {
  return z.number().int().nonnegative();
}

const PROTOCOLS = [
  'PrometheusProto',
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
] as const;

export const scrapeProtocol = () =>
  z.enum(PROTOCOLS, {
    error: ({ input }) =>
      /^OpenMetricsText2/.test(String(input))
        ? 'OpenMetrics 2.0 is not read: it means other numbers by the same lines; ask for OpenMetricsText1.0.0'
        : `must be one of ${PROTOCOLS.join(', ')}`,
  });
export type ScrapeProtocol = z.output<ReturnType<typeof scrapeProtocol>>;

/** How a target that has names beyond `[a-zA-Z0-9_:]` is asked to write them. */
export const escapingScheme = () => z.enum(['allow-utf-8', 'underscores', 'dots', 'values']);
export type EscapingScheme = z.output<ReturnType<typeof escapingScheme>>;

/** A key that Prometheus has and we do not: an error that says what to do instead. */
export function unavailable(advice: string) {
  const text = `is not available here: ${advice}`;
  return z.never({ error: text }).optional().describe(`Not available: ${advice}.`);
}
