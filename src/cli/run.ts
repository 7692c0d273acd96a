import { hostname } from 'node:os';
import { stderr } from 'node:process';
import { loadPlan, type Plan } from '../config/plan.ts';
import { components } from '../components.ts';
import { formatProblem } from '../config/problem.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Outside } from '../core/outside.ts';
import { reclaimBuffers } from '../service/buffer-reclaim.ts';
import { ledgerLine, ledgerText } from '../service/ledger-text.ts';
import { createService, type Service } from '../service/service.ts';
import { Log } from '../telemetry/log.ts';
import { listenForBypass } from './bypass-signal.ts';
import { EXIT, type ConfigOptions } from './options.ts';
import { taken } from './output.ts';
import { printProblems } from './problems.ts';
import { StopRequests } from './stop-requests.ts';

/** What `record` adds to a run. */
export interface RunExtras {
  readonly clock: Clock;
  /** Files and sockets instead of the plain ones. */
  readonly outside: Outside;
  /** Asks for an orderly stop, as a signal does. */
  readonly until: AbortSignal;
  /** Everything runs. */
  readonly onRunning: (instanceId: string, plan: Plan) => void;
  /** The stop begins. */
  readonly onStopping: () => void;
}

/** `remora run`: until SIGTERM or SIGINT; a second one leaves at once. Resolves to the exit code. */
export async function run(options: ConfigOptions, extras?: RunExtras): Promise<number> {
  const loaded = await loadPlan({ ...options, env: process.env, catalog: components });
  if (!loaded.ok) {
    await printProblems(loaded.warnings, 'warning');
    await printProblems(loaded.problems, 'error');
    return EXIT.invalid;
  }
  const { plan, warnings } = loaded;
  const log = makeLog(plan);
  const logger = log.logger();
  if (plan.telemetry.logs.encoding === 'json') for (const warning of warnings) logger.warn(formatProblem(warning));
  else void printProblems(warnings, 'warning');
  const requests = new StopRequests(logger);
  extras?.until.addEventListener('abort', () => requests.ask(), { once: true });
  const code = await runPlan({ plan, log, requests, giveBypass: listenForBypass(logger) }, extras);
  // A reader of the log that hangs does not hold the process back for long.
  await taken(stderr, 1000);
  return code;
}

interface Running {
  readonly plan: Plan;
  readonly log: Log;
  readonly requests: StopRequests;
  readonly giveBypass: ReturnType<typeof listenForBypass>;
}

/** 0 after a drain, also when something had to be dropped: the ledger names it. 1 when it failed or was cut short. */
async function runPlan({ plan, log, requests, giveBypass }: Running, extras?: RunExtras): Promise<number> {
  const logger = log.logger();
  const instanceId = plan.telemetry.resource['service.instance.id'] ?? process.env['POD_UID'] ?? hostname();
  try {
    const service = await createService({
      plan,
      clock: systemClock,
      log,
      instanceId,
      ...(extras === undefined ? {} : { clock: extras.clock, outside: extras.outside }),
    });
    giveBypass(service.bypass);
    const started = service.start();
    reclaimBuffers(systemClock);
    await Promise.race([started, requests.asked]);
    if (service.health().phase === 'running') {
      logger.info('Everything is ready.', { pipelines: plan.pipelines.length, config: plan.hash.slice(0, 12) });
      extras?.onRunning(instanceId, plan);
    }
    await requests.asked;
    extras?.onStopping();
    // After a fault nobody knows what else is wrong: what is held goes out, and nothing new comes in.
    await service.stop(requests.hurry, { lingers: !requests.hasFailed });
    // Rejects when the stop came first.
    await started.catch(() => undefined);
    report(service, plan, logger);
    return requests.hasFailed ? EXIT.failed : EXIT.ok;
  } catch (error) {
    const advice = error instanceof RemoraError ? error.advice : undefined;
    logger.error('Could not start.', { error: errorMessage(error), advice });
    return EXIT.failed;
  }
}

function makeLog({ telemetry }: Plan): Log {
  const { level, encoding, sampling } = telemetry.logs;
  return new Log({
    level,
    encoding,
    sampling: sampling.enabled ? sampling : undefined,
    clock: systemClock,
    write: (line) => void stderr.write(line),
  });
}

/** The ledger, and whether it closes. */
function report({ ledger }: Service, { telemetry }: Plan, logger: Logger): void {
  stderr.write(telemetry.logs.encoding === 'json' ? ledgerLine(ledger, systemClock) : ledgerText(ledger));
  if (ledger.closed) logger.info('Stopped.', { ledgerClosed: true });
  else logger.error('Stopped, and the ledger does not close, which is a bug.', { ledgerClosed: false });
}
