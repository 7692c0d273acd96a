import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

/** The flags that the image starts Node with, read from the Dockerfile, so that the bench measures what is shipped. */
export const IMAGE_FLAGS: readonly string[] = flagsOf(
  readFileSync(join(import.meta.dirname, '../../Dockerfile'), 'utf8'),
);

function flagsOf(dockerfile: string): readonly string[] {
  const entrypoint = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1];
  if (entrypoint === undefined) throw new Error('The Dockerfile has no ENTRYPOINT.');
  return z
    .array(z.string())
    .parse(JSON.parse(entrypoint))
    .filter((word) => word.startsWith('--'));
}
