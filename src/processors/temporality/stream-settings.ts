import * as z from 'zod';
import { byteSize } from '../../core/settings.ts';

export const maxStreams = () =>
  z
    .number()
    .positive()
    // Not int(), which has a bound: the Collector's own default is the largest integer there is.
    .refine(Number.isInteger, 'must be a whole number')
    .meta({ title: 'whole number' })
    .default(100_000)
    .describe(
      'Streams that are known at once. Points of further ones are dropped, and counted with the reason stream_limit, until ' +
        'one that is known has been idle for long enough.',
    );

export const maxBytes = () =>
  byteSize()
    .prefault('16MiB')
    .refine((bytes) => bytes >= LEAST_BYTES, `must be at least ${LEAST_BYTES / 1024}KiB`)
    .describe(
      'Ours: memory for what is known of streams, about 100 bytes for a number and 100 and 16 for each bucket of a histogram. ' +
        'What does not fit is dropped as beyond max_streams.',
    );

/** Room for a first table and some pages. */
const LEAST_BYTES = 256 * 1024;
