import * as z from 'zod';
import { duration } from '../../core/settings.ts';
import { SIGNALS } from '../../core/signal.ts';
import { GRPC } from '../../net/grpc/codes.ts';

const rate = () =>
  z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of the requests that it happens to, from 0 to 1; drawn for each.');

const grpcNames = Object.keys(GRPC).filter((name) => name !== 'OK');

const code = () =>
  z
    .union([z.string(), z.number().int()])
    .refine((value) => (typeof value === 'string' ? grpcNames.includes(value) : value >= 400 && value <= 599), {
      error: `is neither a gRPC status such as UNAVAILABLE nor an HTTP status from 400 to 599`,
    })
    .default('UNAVAILABLE')
    .describe(
      'What the upstream seems to answer, a gRPC status or an HTTP status; the OTLP specification says which of them are tried again. The others lose the data, which is counted as fault_injected.',
    );

const fail = () =>
  z
    .strictObject({
      rate: rate(),
      code: code(),
      retry_after: duration()
        .optional()
        .describe('The pause that the upstream seems to ask for, where it may ask for one.'),
    })
    .describe('The upstream seems to answer with an error; nothing is sent.');

const delay = () =>
  z
    .strictObject({
      rate: rate(),
      min: duration().prefault('0').describe('Shortest delay.'),
      max: duration().prefault('1s').describe('Longest delay.'),
      distribution: z
        .enum(['uniform', 'exponential'])
        .default('uniform')
        .describe('uniform between min and max, or exponential: most near min, few near max.'),
    })
    .refine((value) => value.max >= value.min, { message: 'must not be less than min', path: ['max'] })
    .describe('Requests are held back before they are sent, or before another fault happens to them.');

const hang = () =>
  z
    .strictObject({
      rate: rate(),
      max: duration()
        .prefault('5m')
        .describe('Ends with a retry after this time, when the timeout of the exporter has not.'),
    })
    .describe('The upstream seems to take the request and never to answer; nothing is sent.');

const partial = () =>
  z
    .strictObject({
      rate: rate(),
      share: z.number().gt(0).max(1).default(0.5).describe('Share of the items of a request that are refused.'),
    })
    .describe(
      'The upstream seems to refuse part of a request for good: that part is not sent and is lost, counted as partial_success.',
    );

const corrupt = () =>
  z
    .strictObject({
      rate: rate(),
      bytes: z.number().int().min(1).max(1024).default(1).describe('Bytes of each request that are changed.'),
    })
    .describe(
      'Requests are sent damaged, to test what the upstream checks: it may store garbage, or refuse the data, which is lost then. What it answers is what is counted.',
    );

const schedule = () =>
  z
    .strictObject({
      start_after: duration().prefault('0').describe('The first window begins this long after the start.'),
      duration: duration().optional().describe('How long each window is; without it the fault stays on.'),
      every: duration()
        .optional()
        .describe('From the beginning of one window to that of the next; without it there is one.'),
    })
    .superRefine((value, context) => {
      const issue = (path: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [path], message });
      if (value.duration !== undefined && value.duration <= 0) issue('duration', 'must be more than 0');
      if (value.every === undefined) return;
      if (value.duration === undefined) issue('duration', 'is needed when there is every');
      else if (value.every <= value.duration) issue('every', 'must be more than duration');
    })
    .describe('When the fault is on; from the start on when absent.');

const KINDS = ['fail', 'delay', 'hang', 'partial', 'corrupt'] as const;

const fault = () =>
  z
    .strictObject({
      name: z.string().min(1).optional().describe('What metrics, health and log call it; its number when absent.'),
      exporters: z.array(z.string()).min(1).describe('Ids of the exporters that it happens to.'),
      signals: z
        .array(z.enum(SIGNALS))
        .min(1)
        .default([...SIGNALS])
        .describe('Signals that it happens to.'),
      fail: fail().optional(),
      delay: delay().optional(),
      hang: hang().optional(),
      partial: partial().optional(),
      corrupt: corrupt().optional(),
      schedule: schedule().prefault({}),
    })
    .refine((value) => KINDS.some((kind) => value[kind] !== undefined), {
      message: `does nothing: give at least one of ${KINDS.join(', ')}`,
    });

/** A fault without a name is called by its number. */
export function nameOf({ name }: { readonly name?: string | undefined }, index: number): string {
  return name ?? `${index + 1}`;
}

export const faultInjectionConfig = () =>
  z.strictObject({
    faults: z
      .array(fault())
      .min(1)
      .superRefine((faults, context) => {
        const names = faults.map(nameOf);
        for (const [index, name] of names.entries()) {
          if (names.indexOf(name) === index) continue;
          context.addIssue({ code: 'custom', path: [index, 'name'], message: 'another fault has this name' });
        }
      })
      .describe('What goes wrong. Delays of several faults add up; otherwise the first one that is drawn happens.'),
    stop_after: duration()
      .prefault('1h')
      .describe('All faults end for good this long after the start, should somebody forget them; 0 never.'),
    seed: z
      .string()
      .optional()
      .describe('The same seed draws the same requests; that of the instance when absent, so that a fleet differs.'),
  });

export type FaultInjectionConfig = z.output<ReturnType<typeof faultInjectionConfig>>;
export type FaultConfig = FaultInjectionConfig['faults'][number];
export type FaultKind = (typeof KINDS)[number];
