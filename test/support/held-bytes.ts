import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

function isCallable(value: unknown): value is () => void {
  return typeof value === 'function';
}

/** What is reachable: buffers are given back in a turn after the collection that found them. */
export async function heldBytes(): Promise<number> {
  assert.ok(isCallable(collect));
  for (let round = 0; round < 4; round++) {
    collect();
    await pause(1);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
