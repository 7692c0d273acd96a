import { read } from 'node:fs';

/** Reads at a position without moving anything; resolves with the bytes read, 0 at the end of the file. */
export function readAt(fd: number, into: Uint8Array, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, length, position, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
  });
}
