import { totalmem } from 'node:os';

/** Memory this process may use, in bytes: the cgroup's limit where there is one, else what the machine has. */
export function memoryLimitBytes(): number {
  const machine = totalmem();
  const limit = process.constrainedMemory();
  return limit > 0 && limit < machine ? limit : machine;
}
