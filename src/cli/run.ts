import { hostname } from 'node:os';
import { stderr } from 'node:process';
import { loadPlan, type Plan } from '../config/plan.ts';
import { components } from '../components.ts';
import { systemClock } from '../core/clock.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import { reclaimBuffers } from '../service/buffer-reclaim.ts';
import { ledgerText } from '../service/ledger-text.ts';
import { memoryLimitBytes } from '../service/memory-limit.ts';
import { createService, type Service } from '../service/service.ts';
import { Log } from '../telemetry/log.ts';
import { EXIT, type ConfigOptions } from './options.ts';
import { printProblems } from './problems.ts';

/** `remora run`: until SIGTERM or SIGINT; a second one leaves at once. Resolves to the exit code. */
export async function run(options: ConfigOptions): Promise<number> {
  const plan = await planOrProblems(options);
  if (plan === undefined) return EXIT.invalid;
  const log = makeLog(plan);
  const logger = log.logger();
  const instanceId = plan.telemetry.resource['service.instance.id'] ?? process.env['POD_UID'] ?? hostname();
  try {
    const budgetBytes = plan.service.memory.limitBytes ?? memoryLimitBytes();
    const admissionBytes = Math.min(256 * MIB, Math.max(32 * MIB, Math.floor(budgetBytes / 4)));
    const service = await createService({ plan, clock: systemClock, log, instanceId, admissionBytes });
    await service.start();
    reclaimBuffers(systemClock);
    logger.info('Everything is ready.', { pipelines: plan.pipelines.length, config: plan.hash.slice(0, 12) });
    return await untilSignalled(service, log);
  } catch (error) {
    const advice = error instanceof RemoraError ? error.advice : undefined;
    logger.error('Could not start.', { error: errorMessage(error), advice });
    return EXIT.failed;
  }
}

const MIB = 2 ** 20;

async function planOrProblems(options: ConfigOptions): Promise<Plan | undefined> {
  const loaded = await loadPlan({ ...options, env: process.env, catalog: components });
  printProblems(loaded.warnings, 'warning');
  if (!loaded.ok) printProblems(loaded.problems, 'error');
  return loaded.ok ? loaded.plan : undefined;
}

function makeLog({ telemetry }: Plan): Log {
  const { level, encoding, sampling } = telemetry.logs;
  return new Log({ level, encoding, sampling, clock: systemClock, write: (line) => void stderr.write(line) });
}

/** Exits with 0 after a drain, also when something had to be dropped: the ledger names it. 1 after a second signal. */
async function untilSignalled(service: Service, log: Log): Promise<number> {
  const hurry = new AbortController();
  const first = Promise.withResolvers<string>();
  let signals = 0;
  const onSignal = (signal: string): void => {
    signals += 1;
    if (signals === 1) first.resolve(signal);
    else hurry.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const signal = await first.promise;
  const logger = log.logger();
  logger.info('Draining; a second signal leaves at once.', { signal });
  await service.stop(hurry.signal);
  stderr.write(ledgerText(service.ledger));
  logger.info('Stopped.', { ledgerClosed: service.ledger.closed });
  return hurry.signal.aborted ? EXIT.failed : EXIT.ok;
}
