import * as z from 'zod';
import { duration } from '../../core/settings.ts';
import { maxBytes, maxStreams } from '../temporality/stream-settings.ts';

export const deltaToCumulativeConfig = () =>
  z.strictObject({
    max_stale: duration()
      .prefault('5m')
      .describe(
        'A stream without points for this long is forgotten: its next point begins it anew, with its own start time. 0 for never.',
      ),
    max_streams: maxStreams(),
    max_bytes: maxBytes(),
  });
