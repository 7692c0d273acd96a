import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Memory } from '../core/outside.ts';

export function systemMemory(): Memory {
  const cgroup = findCgroup('/');
  return {
    residentBytes: () => process.memoryUsage.rss(),
    containerBytes: () => cgroup?.usedBytes() ?? 0,
    totalBytes: () => totalBytes(totalmem(), process.constrainedMemory(), cgroup?.limitBytes),
    collect: globalThis.gc === undefined ? undefined : () => globalThis.gc?.(),
  };
}

export interface AvailableMemory {
  readonly bytes: number;
  readonly from: 'container' | 'machine';
}

/** What this process may use at most: the limit of its container, else what the machine has. */
export function availableMemory(): AvailableMemory {
  const machineBytes = totalmem();
  const bytes = totalBytes(machineBytes, process.constrainedMemory(), findCgroup('/')?.limitBytes);
  return { bytes, from: bytes < machineBytes ? 'container' : 'machine' };
}

/** The least of the limits that are inside (0, physical]: Node reports 0 or 2^64 when there is none. */
export function totalBytes(physicalBytes: number, ...limits: readonly (number | undefined)[]): number {
  let least = physicalBytes;
  for (const limit of limits) if (limit !== undefined && limit > 0) least = Math.min(least, limit);
  return least;
}

export interface Cgroup {
  readonly limitBytes: number;
  /**
   * Without file pages, which the kernel drops before it kills. The kubelet leaves out those alone that are used seldom, so
   * a log or a queue that is written and read looks like a container that is short of memory (kubernetes/kubernetes#43916).
   */
  usedBytes(): number;
}

interface Files {
  readonly limit: string;
  readonly used: string;
  /** The lines of memory.stat with file pages. */
  readonly cached: RegExp;
}

const V2: Files = { limit: 'memory.max', used: 'memory.current', cached: /^(?:in)?active_file (\d+)$/gm };
const V1: Files = {
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  cached: /^total_(?:in)?active_file (\d+)$/gm,
};

/**
 * The memory cgroup of this process, if it has a limit. `root` is `/`, or a copy of what is below it in tests.
 *
 *   /proc/self/cgroup   v2: "0::/path"         below /sys/fs/cgroup
 *                       v1: "9:memory:/path"   below /sys/fs/cgroup/memory
 *
 * Inside a container the path is often that of the host, and the files stand at the root of the mount.
 */
export function findCgroup(root: string): Cgroup | undefined {
  const lines = readText(join(root, 'proc/self/cgroup'))?.split('\n') ?? [];
  for (const line of lines) {
    const [id, controllers = '', ...path] = line.split(':');
    if (id === '0' && controllers === '') {
      const found = openCgroup(V2, join(root, 'sys/fs/cgroup'), path.join(':'));
      if (found !== undefined) return found;
    } else if (controllers.split(',').includes('memory')) {
      const found = openCgroup(V1, join(root, 'sys/fs/cgroup/memory'), path.join(':'));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function openCgroup(files: Files, mount: string, path: string): Cgroup | undefined {
  for (const directory of [join(mount, path), mount]) {
    const limitBytes = readNumber(join(directory, files.limit));
    if (limitBytes === undefined) continue;
    // v1 writes no limit as a number near 2^63.
    if (limitBytes >= 2 ** 60) return undefined;
    return { limitBytes, usedBytes: () => heldBytes(files, directory) };
  }
  return undefined;
}

function heldBytes(files: Files, directory: string): number {
  const used = readNumber(join(directory, files.used)) ?? 0;
  const stat = readText(join(directory, 'memory.stat')) ?? '';
  let cached = 0;
  for (const [, bytes] of stat.matchAll(files.cached)) cached += Number(bytes);
  return Math.max(0, used - cached);
}

/** Undefined for a missing file, and for `max`. */
function readNumber(file: string): number | undefined {
  const text = readText(file)?.trim() ?? '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
