import type { ClaimedShare } from '../core/memory-claim.ts';
import type { AvailableMemory } from '../telemetry/memory.ts';
import type { Draft } from './components.ts';
import { formatPath, type Path } from './problem.ts';
import { keyPlace, nodeAt, valuePlace } from './positions.ts';
import type { MemoryAmount, MemorySettings } from './service-settings.ts';

/**
 * One budget for everything that holds memory. From the soft limit down:
 *
 *   0            runtime                claims         admission            queues               soft    hard   limit
 *   |------------|---------------------|--------------|--------------------|--------------------|-------|------|
 *    idle process windows, buffers ... request bodies  what is written,     garbage that is not
 *                                                      the rest in equal    collected yet
 *                                                      parts
 *
 * Figures: docs/decisions/0016-memory-budget.md.
 */
export interface MemoryBudget {
  readonly limitBytes: number;
  readonly limitFrom: 'setting' | AvailableMemory['from'];
  readonly softBytes: number;
  readonly hardBytes: number;
  readonly shed: MemorySettings['shed'];
  readonly shares: Readonly<Record<MemoryShare, number>>;
  /** Of each sending queue of an exporter, by the exporter's id, where its settings do not say. */
  readonly queueBytes: ReadonlyMap<string, number>;
}

export type MemoryShare = 'runtime' | 'admission' | 'queues' | ClaimedShare;

/** Something that holds memory, and where it is asked for. */
export interface MemoryDemand {
  readonly share: ClaimedShare | 'queues';
  readonly path: Path;
  /** How many there are of it, each of `bytes`. */
  readonly count: number;
  /** Undefined for a queue whose settings leave it open. */
  readonly bytes: number | undefined;
}

const MIB = 2 ** 20;
/** Resident memory of an idle process with a large configuration, as the image starts it. */
const RUNTIME_BYTES = 80 * MIB;
/** How much more it is where the image's settings of the runtime are not there to keep it small. */
const PLAIN_RUNTIME_BYTES = 40 * MIB;
/** What must be left below the soft limit, or nearly all is refused: the garbage of a moment's work. */
const LEAST_ROOM_BYTES = 16 * MIB;
const MAX_QUEUE_BYTES = 32 * MIB;
/** The largest gRPC message that is received by default. */
const MIN_QUEUE_BYTES = 4 * MIB;
/** Such a message, compressed and not. */
const MIN_ADMISSION_BYTES = 8 * MIB;
const MAX_ADMISSION_BYTES = 256 * MIB;
const ROUND_BYTES = MIB / 4;
/** Without any limit: what is fair to take of a machine that runs other things too. */
const MAX_UNLIMITED_BYTES = 2048 * MIB;

/** Divides the memory, and reports what does not fit: an error where a limit is stated, else a warning. */
export function planMemory(
  draft: Draft,
  settings: MemorySettings,
  available: AvailableMemory,
  demands: readonly MemoryDemand[],
): MemoryBudget {
  const { limitBytes, limitFrom } = limitOf(settings, available);
  const softBytes = amountBytes(settings.softLimit, limitBytes);
  const hardBytes = amountBytes(settings.hardLimit, limitBytes);
  checkLimits(draft, { limitBytes, softBytes, hardBytes });
  checkSum(draft, { limitBytes, limitFrom }, demands);
  warnOfLittleRoom(draft, softBytes, available);
  return { limitBytes, limitFrom, softBytes, hardBytes, shed: settings.shed, ...divide(softBytes, demands) };
}

function limitOf({ limitBytes }: MemorySettings, { bytes, from }: AvailableMemory) {
  if (limitBytes !== undefined) return { limitBytes, limitFrom: 'setting' as const };
  return { limitBytes: from === 'container' ? bytes : Math.min(bytes / 2, MAX_UNLIMITED_BYTES), limitFrom: from };
}

function amountBytes(amount: MemoryAmount, limitBytes: number): number {
  return amount.unit === 'bytes' ? amount.value : Math.floor((limitBytes * amount.value) / 100);
}

function divide(softBytes: number, demands: readonly MemoryDemand[]): Pick<MemoryBudget, 'shares' | 'queueBytes'> {
  const sumOf = (share: MemoryDemand['share']): number =>
    demands.reduce((sum, one) => sum + (one.share === share ? one.count * (one.bytes ?? 0) : 0), 0);
  const claimed = { reading: sumOf('reading'), buffers: sumOf('buffers'), caches: sumOf('caches') };
  const written = sumOf('queues');
  const open = demands.filter(({ share, bytes }) => share === 'queues' && bytes === undefined);
  const openQueues = open.reduce((sum, { count }) => sum + count, 0);
  const free = softBytes - RUNTIME_BYTES - claimed.reading - claimed.buffers - claimed.caches;
  const admission = clamp(free / 4, MIN_ADMISSION_BYTES, MAX_ADMISSION_BYTES);
  const each = clamp((free - admission - written) / Math.max(1, openQueues), MIN_QUEUE_BYTES, MAX_QUEUE_BYTES);
  const shares = { runtime: RUNTIME_BYTES, admission, queues: written + openQueues * each, ...claimed };
  return { shares, queueBytes: new Map(open.map(({ path }) => [String(path[1]), each])) };
}

function clamp(bytes: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.floor(bytes / ROUND_BYTES) * ROUND_BYTES));
}

function checkLimits(
  { root, problems }: Draft,
  { limitBytes, softBytes, hardBytes }: Pick<MemoryBudget, 'limitBytes' | 'softBytes' | 'hardBytes'>,
): void {
  const complain = (key: string, message: string): void => {
    const path = ['service', 'memory', key];
    problems.error(valuePlace(root, path), path, message);
  };
  if (softBytes >= hardBytes) {
    complain('soft_limit', `${inMib(softBytes)} must be less than hard_limit, which is ${inMib(hardBytes)}`);
  }
  if (hardBytes > limitBytes) {
    complain('hard_limit', `${inMib(hardBytes)} must not be more than the limit, which is ${inMib(limitBytes)}`);
  }
}

/** What is asked for, with the least of what is left open, must fit the limit. */
function checkSum(
  { root, problems }: Draft,
  { limitBytes, limitFrom }: Pick<MemoryBudget, 'limitBytes' | 'limitFrom'>,
  demands: readonly MemoryDemand[],
): void {
  const terms = [`the runtime ${inMib(RUNTIME_BYTES)}`, `admission at least ${inMib(MIN_ADMISSION_BYTES)}`];
  let sum = RUNTIME_BYTES + MIN_ADMISSION_BYTES;
  for (const { path, count, bytes, share } of demands) {
    if (count === 0 || bytes === 0) continue;
    sum += count * (bytes ?? MIN_QUEUE_BYTES);
    const times = count > 1 ? `${count} x ` : '';
    const least = bytes === undefined ? 'at least ' : '';
    const what = share === 'queues' ? '' : ` (${share})`;
    terms.push(`${formatPath(path)}${what} ${least}${times}${inMib(bytes ?? MIN_QUEUE_BYTES)}`);
  }
  if (sum <= limitBytes) return;
  const path = ['service', 'memory', 'limit'];
  const limit = `${LIMIT_NAMES[limitFrom]} of ${inMib(limitBytes)}`;
  const message = `${limit} is less than the ${inMib(sum)} asked for: ${terms.join(' + ')}`;
  const advice = 'raise it, or lower sending_queue.max_bytes';
  const at = nodeAt(root, path) === undefined ? keyPlace(root, path) : valuePlace(root, path);
  if (limitFrom === 'machine')
    problems.warn(at, path, message, 'set service.memory.limit to what this process may use');
  else problems.error(at, path, message, advice);
}

/** The process alone must stay well below where data is refused; outside of a container it is larger. */
function warnOfLittleRoom({ root, problems }: Draft, softBytes: number, { from }: AvailableMemory): void {
  const processBytes = RUNTIME_BYTES + (from === 'container' ? 0 : PLAIN_RUNTIME_BYTES);
  const leastBytes = processBytes + LEAST_ROOM_BYTES;
  if (softBytes >= leastBytes) return;
  const path = ['service', 'memory', 'limit'];
  const at = nodeAt(root, path) === undefined ? keyPlace(root, path) : valuePlace(root, path);
  const where = from === 'container' ? '' : ' outside of a container';
  const message = `data is refused above the soft limit of ${inMib(softBytes)}, and the process alone may take ${inMib(processBytes)}${where}`;
  problems.warn(at, path, message, `give it more, so that the soft limit is ${inMib(leastBytes)} at least`);
}

const LIMIT_NAMES: Readonly<Record<MemoryBudget['limitFrom'], string>> = {
  setting: 'the limit',
  container: 'the memory of the container',
  machine: 'the limit that Remora keeps where none is set',
};

/** Exact, as far as a person wants to read it. */
export function inMib(bytes: number): string {
  return `${Number((bytes / MIB).toFixed(2))} MiB`;
}

/** The budget in one line, for people. */
export function budgetLine({ limitBytes, limitFrom, softBytes, hardBytes, shares, queueBytes }: MemoryBudget): string {
  const limits = `${inMib(limitBytes)} (${limitFrom}), refused above ${inMib(softBytes)}, shed above ${inMib(hardBytes)}`;
  const parts = Object.entries(shares).flatMap(([share, bytes]) => (bytes > 0 ? [`${share} ${inMib(bytes)}`] : []));
  const queues = [...queueBytes].map(([exporter, bytes]) => `, each queue of ${exporter} ${inMib(bytes)}`);
  return `Memory: ${limits}; ${parts.join(', ')}${queues.join('')}.`;
}
