import type { SendingSettings } from '../core/sending.ts';
import { typeOfId, type Draft, type PlannedExporter } from './components.ts';
import type { PipelinePlan } from './pipelines.ts';
import { valuePlace } from './positions.ts';

/** What can be started although somebody probably expects something else of it. */
export function warnOfQueues(
  draft: Draft,
  exporters: ReadonlyMap<string, PlannedExporter>,
  pipelines: readonly PipelinePlan[],
): void {
  const tailing = pipelines.filter(({ receivers }) => receivers.some((id) => /^file_?log$/.test(typeOfId(id) ?? '')));
  for (const { id, prepared } of exporters.values()) {
    if (prepared.sending === undefined) continue;
    const warn: Warn = (keys, message, advice) => {
      const path = ['exporters', id, ...keys];
      draft.problems.warn(valuePlace(draft.root, path), path, message, advice);
    };
    if (tailing.some((one) => one.exporters.includes(id))) warnOfSmallQueue(prepared.sending, warn);
    warnOfUnusedStorage(prepared.sending, warn);
    warnOfCutConcurrency(prepared.sending, warn);
  }
}

type Warn = (keys: readonly string[], message: string, advice: string) => void;

/** What `filelog` puts into one batch: 440 KiB and a record, which are about 10,000 of the shortest lines. */
const BATCH_OF_LINES = { requests: 0, items: 10_000, bytes: 524_288 } as const;

/** A batch that is larger than a whole queue is refused for good, however idle the queue is. */
function warnOfSmallQueue({ sending_queue: { enabled, sizer, queue_size: size } }: SendingSettings, warn: Warn): void {
  if (!enabled || size >= BATCH_OF_LINES[sizer]) return;
  const most = `${BATCH_OF_LINES[sizer]} ${sizer}`;
  const message = `filelog sends up to ${most} at once, and what is more than ${size} is refused for good`;
  warn(['sending_queue', 'queue_size'], message, 'raise it');
}

function warnOfUnusedStorage({ sending_queue: { enabled, storage } }: SendingSettings, warn: Warn): void {
  if (enabled || storage === undefined) return;
  const message = `"${storage}" is not used: without a queue nothing is kept on disk`;
  warn(['sending_queue', 'storage'], message, 'remove it, or enabled: false');
}

function warnOfCutConcurrency(settings: SendingSettings, warn: Warn): void {
  const { enabled: queued, num_consumers: most } = settings.sending_queue;
  if (!queued || !settings.adaptive_concurrency.enabled) return;
  for (const key of ['min', 'initial'] as const) {
    const asked = settings.adaptive_concurrency[key];
    if (asked <= most) continue;
    const message = `${asked} is cut to ${most}, the num_consumers of the sending queue`;
    warn(['adaptive_concurrency', key], message, 'lower it, or raise sending_queue.num_consumers');
  }
}
