import { setFlagsFromString } from 'node:v8';
import { systemClock } from '../core/clock.ts';
import { reclaimBuffers } from '../service/buffer-reclaim.ts';

/** Replays in as little memory as it takes, since CI machines are small. */
export async function inLittleMemory<T>(work: () => Promise<T>): Promise<T> {
  // Most of what lives long comes at the start; a young generation that grows to 64 MiB makes nothing faster.
  setFlagsFromString('--semi-space-growth-factor=1');
  const reclaiming = reclaimBuffers(systemClock);
  try {
    return await work();
  } finally {
    reclaiming.cancel();
  }
}
