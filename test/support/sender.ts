import { z } from 'zod';
import { Account } from '../../src/core/ledger.ts';
import type { LogFields, Logger } from '../../src/core/logger.ts';
import { resolveSending, sendingShape, type SendingSettings } from '../../src/core/sending.ts';
import { edge, EdgeCounts } from '../../src/core/edge.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { createSender, type SenderOptions } from '../../src/service/exporting/sender.ts';
import { Throttle } from '../../src/service/exporting/throttle.ts';
import { testContext } from './context.ts';
import { ScriptedExporter } from './scripted-exporter.ts';

export const sendingSchema = z.strictObject(sendingShape('5s'));

/** Settings as YAML writes them, with the defaults. */
export function sendingSettings(raw: z.input<typeof sendingSchema> = {}): SendingSettings {
  return resolveSending(sendingSchema.parse(raw));
}

/** Keeps what was logged as `LEVEL sentence`. */
export class TestLogger implements Logger {
  readonly lines: string[] = [];
  readonly fields: LogFields[] = [];

  debug(message: string, fields: LogFields = {}): void {
    this.#add('DEBUG', message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#add('INFO', message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#add('WARN', message, fields);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#add('ERROR', message, fields);
  }

  #add(level: string, message: string, fields: LogFields): void {
    this.lines.push(`${level} ${message}`);
    this.fields.push(fields);
  }
}

/** A sender of logs on a virtual clock over a scripted exporter, offered to through an edge as in the service. */
export function senderRig(raw: z.input<typeof sendingSchema> = {}, overrides: Partial<SenderOptions> = {}) {
  const clock = new VirtualClock();
  const log = new TestLogger();
  const { meter, random } = testContext();
  const exporter = new ScriptedExporter();
  const account = new Account('exporter', 'otlp', 'logs');
  const health: (string | undefined)[] = [];
  const settings = sendingSettings(raw);
  const limited = { id: 'otlp', clock: overrides.clock ?? clock, meter };
  const throttle = settings.rate_limit === undefined ? undefined : new Throttle(settings.rate_limit, limited);
  const sender = createSender({
    id: 'otlp',
    signal: 'logs',
    exporter,
    settings,
    throttle,
    clock,
    random,
    log,
    meter,
    account,
    reportHealth: (reason) => health.push(reason),
    ...overrides,
  });
  const deadline = new AbortController();
  return {
    clock: overrides.clock instanceof VirtualClock ? overrides.clock : clock,
    log,
    meter,
    exporter,
    account,
    health,
    throttle,
    sender,
    consumer: edge(sender, new EdgeCounts(), log, { to: account }),
    caller: new AbortController(),
    deadline,
  };
}
