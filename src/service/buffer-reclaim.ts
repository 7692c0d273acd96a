import { memoryUsage } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { repeat, type Clock, type Timer } from '../core/clock.ts';

/**
 * Gives the memory of dead buffers back. Telemetry lives in buffers outside of the V8 heap, and V8 lets 64 MB of dead
 * ones gather before it collects, which a sidecar cannot afford. So the heap, which is small, is collected as soon as it
 * and the buffers have grown by `GROWTH_BYTES` since the last time. A collection takes about 10 ms, so the rest after it keeps
 * its share at a few percent; where the process is starved of CPU and it takes longer, memory goes before time.
 * Figures: docs/decisions/0008-garbage-collection.md.
 */
const CHECK_EVERY_MS = 250;
const GROWTH_BYTES = 8 * 2 ** 20;
/** A collection is followed by this many times its length without one, and never by more than a second. */
const REST_FACTOR = 40;
const MAX_REST_MS = 1000;

export function reclaimBuffers(clock: Clock): Timer {
  const collect = bufferCollector();
  let floorBytes = heldBytes();
  let restUntilMs = 0;
  return repeat(
    clock,
    () => CHECK_EVERY_MS,
    () => {
      const bytes = heldBytes();
      floorBytes = Math.min(floorBytes, bytes);
      const nowMs = clock.monotonic();
      if (bytes < floorBytes + GROWTH_BYTES || nowMs < restUntilMs) return;
      collect();
      floorBytes = heldBytes();
      const endMs = clock.monotonic();
      restUntilMs = endMs + Math.min(MAX_REST_MS, (endMs - nowMs) * REST_FACTOR);
    },
  );
}

let exposed: (() => void) | undefined;

/** Collects everything that is dead, at once. */
export function bufferCollector(): () => void {
  return () => (exposed ??= exposedCollector())();
}

/** Of buffers and objects, dead ones too until they are collected. */
export function heldBytes(): number {
  const { external, heapUsed } = memoryUsage();
  return external + heapUsed;
}

/** A full collection frees buffers in the background; the small one after it (0.3 ms) brings that to its end. */
function exposedCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect !== 'function') return () => undefined;
  return () => {
    Reflect.apply(collect, undefined, []);
    Reflect.apply(collect, undefined, [{ type: 'minor' }]);
  };
}
