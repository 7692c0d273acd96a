import type { MemoryBudget } from '../config/memory-budget.ts';
import type { Logger } from '../core/logger.ts';
import type { Meter, MetricSpec } from '../core/meter.ts';

const BUDGET: MetricSpec = {
  name: 'remora_memory_budget_bytes',
  help: 'Shares of the memory budget: what each may hold at most.',
  kind: 'gauge',
  labels: ['share'],
};
const LIMIT: MetricSpec = {
  name: 'remora_memory_limit_bytes',
  help: 'Limits of resident memory: the budget, and where data is refused (soft) and shed (hard).',
  kind: 'gauge',
  labels: ['limit'],
};

export const budgetMetrics: readonly MetricSpec[] = [BUDGET, LIMIT];

export function meterBudget(meter: Meter, { shares, limitBytes, softBytes, hardBytes }: MemoryBudget): void {
  for (const [share, bytes] of Object.entries(shares)) meter.gauge(BUDGET, { share }, () => bytes);
  for (const [limit, bytes] of Object.entries({ limit: limitBytes, soft: softBytes, hard: hardBytes })) {
    meter.gauge(LIMIT, { limit }, () => bytes);
  }
}

const MIB = 2 ** 20;

/** One line, so that an operator sees what each part may hold, and which queues were made to fit. */
export function tellBudget(log: Logger, budget: MemoryBudget): void {
  const { limitBytes, limitFrom, softBytes, hardBytes, shares, queueBytes } = budget;
  const fields: Record<string, string | number> = {
    limit_mib: mib(limitBytes),
    limit_from: limitFrom,
    soft_mib: mib(softBytes),
    hard_mib: mib(hardBytes),
  };
  for (const [share, bytes] of Object.entries(shares)) if (bytes > 0) fields[`${share}_mib`] = mib(bytes);
  for (const [exporter, bytes] of queueBytes) fields[`queue_of_${exporter}_mib`] = mib(bytes);
  log.info('Memory is shared out.', fields);
}

function mib(bytes: number): number {
  return Number((bytes / MIB).toFixed(2));
}
