import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const dockerfile = readFileSync(join(import.meta.dirname, '../../Dockerfile'), 'utf8');

/** The flags that the image starts Node with, read from the Dockerfile, so that the bench measures what is shipped. */
export const IMAGE_FLAGS: readonly string[] = flags();

/** The image's settings of the memory allocator, from the same place. */
export const IMAGE_ENVIRONMENT: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from(dockerfile.matchAll(/\b(MALLOC_\w+)=(\w+)/g), ([, name = '', value = '']) => [name, value]),
);

function flags(): readonly string[] {
  const entrypoint = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1];
  if (entrypoint === undefined) throw new Error('The Dockerfile has no ENTRYPOINT.');
  const words: unknown = JSON.parse(entrypoint);
  return z
    .array(z.string())
    .parse(words)
    .filter((word) => word.startsWith('--'));
}
