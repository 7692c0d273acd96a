import { MemoryQueue } from '../../core/memory-queue.ts';
import type { DurableQueue, Lost, Overflow, Queue } from '../../core/queue.ts';
import { diskMemoryBytes } from '../../core/sending.ts';
import { SpillQueue } from '../../core/spill-queue.ts';
import type { SenderOptions } from './sender.ts';

export type OnLost = (lost: Lost) => void;

/** What the queue tells while it works. */
export interface QueueEvents {
  readonly onLost: OnLost;
  /** The disk cannot be written, and why; undefined once it can. */
  readonly onTrouble: (reason: string | undefined) => void;
}

/** The queue that the settings ask for: in memory, on disk, or memory first and the disk when it is full. */
export function senderQueue(options: SenderOptions, events: QueueEvents): Queue {
  const { storage, storage_use } = options.settings.sending_queue;
  if (options.queue !== undefined) return options.queue;
  if (storage === undefined) return memoryQueue(options, events);
  if (storage_use === 'always') return diskQueue(options, events);
  return spillQueue(options, events);
}

function memoryQueue({ clock, settings }: SenderOptions, { onLost }: QueueEvents): MemoryQueue {
  const { sizer, queue_size: capacity, max_bytes: maxBytes, fresh_first: freshFirst } = settings.sending_queue;
  return new MemoryQueue({ clock, sizer, capacity, maxBytes, overflow: evicting(settings), freshFirst, onLost });
}

function diskQueue({ id, signal, clock, log, meter, settings, durableQueue }: SenderOptions, events: QueueEvents) {
  const { sizer, queue_size: capacity, max_bytes: maxBytes, fresh_first: freshFirst } = settings.sending_queue;
  if (durableQueue === undefined) throw new Error(`BUG: nothing makes the durable queue of ${id}.`);
  const size = { sizer, capacity, maxBytes, memoryBytes: diskMemoryBytes(settings.sending_queue) };
  const labels = { exporter: id, data_type: signal };
  return durableQueue({
    signal,
    clock,
    log,
    meter,
    labels,
    ...size,
    overflow: evicting(settings),
    freshFirst,
    ...events,
  });
}

function spillQueue(options: SenderOptions, events: QueueEvents): DurableQueue {
  const { clock, settings } = options;
  const { onLost } = events;
  const { sizer, memory_bytes: maxBytes = 0, fresh_first: freshFirst } = settings.sending_queue;
  // Memory is bounded in bytes; queue_size is what the disk may hold.
  const capacity = sizer === 'bytes' ? maxBytes : Number.MAX_SAFE_INTEGER;
  const memory = new MemoryQueue({ clock, sizer, capacity, maxBytes, freshFirst, onLost });
  return new SpillQueue({ clock, memory, disk: diskQueue(options, events), freshFirst, onLost });
}

/** `drop_newest` is a queue that refuses; the intake drops what it refused. */
function evicting({ sending_queue: { overflow } }: SenderOptions['settings']): Overflow {
  return overflow === 'drop_oldest' ? overflow : 'push_back';
}
