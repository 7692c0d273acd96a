import type { Step, Variant } from './world.ts';

const PLAIN: Variant = { matchesRotated: false, banner: false, fewOpen: false, truncates: false, flushes: false };

function write(place: number, partial = false): Step {
  return { do: 'write', place, style: 'plain', lines: 3, partial };
}

function rotate(place: number, create = false): Step {
  return { do: 'rotate', place, create };
}

/** Runs that failed once, made small. */
export const KEPT: readonly (readonly [Variant, readonly Step[]])[] = [
  // Created and rotated away while down, after a stop and after a kill before the first checkpoint of a timer.
  [PLAIN, [{ do: 'stop' }, write(0), rotate(0), { do: 'start' }]],
  [PLAIN, [{ do: 'kill', torn: false }, write(0), rotate(0), write(0), rotate(0), { do: 'start' }]],
  // The inode of a file that was removed is that of a new one.
  [
    { ...PLAIN, banner: true },
    [
      ...Array.from({ length: 4 }, () => [write(0), rotate(0)]).flat(),
      { do: 'settle' },
      { do: 'stop' },
      ...Array.from({ length: 5 }, () => [write(0), rotate(0)]).flat(),
      { do: 'start' },
    ],
  ],
  // A writer that was not told of a rotation goes on after a restart, and again after another.
  [
    PLAIN,
    [
      write(0),
      rotate(0),
      { do: 'settle' },
      { do: 'stop' },
      { do: 'start' },
      { do: 'late', place: 0 },
      { do: 'settle' },
    ],
  ],
  [
    PLAIN,
    [
      ...([write(0), rotate(0), { do: 'settle' }, { do: 'kill', torn: false }, { do: 'start' }] as const),
      ...([
        { do: 'stop' },
        { do: 'start' },
        { do: 'turns', count: 20 },
        { do: 'late', place: 0 },
        { do: 'settle' },
      ] as const),
    ],
  ],
  // First seen under the rotated name, and found there again.
  [
    PLAIN,
    [{ do: 'mode', mode: 'retry' }, write(0), rotate(0), { do: 'turns', count: 30 }, { do: 'stop' }, { do: 'start' }],
  ],
  // Files without the end of their last line do not keep others from being opened.
  [
    { ...PLAIN, matchesRotated: true, fewOpen: true },
    [write(0, true), rotate(0), write(1, true), rotate(1), write(0, true), rotate(0), write(1), { do: 'settle' }],
  ],
  // Refused, and nothing but a descriptor leads to it when the receiver stops.
  [
    PLAIN,
    [
      ...([write(0), { do: 'settle' }, { do: 'mode', mode: 'retry' }, write(0), { do: 'turns', count: 30 }] as const),
      ...([{ do: 'rewrite', place: 0, hasty: true }, { do: 'mode', mode: 'accept' }, { do: 'stop' }] as const),
    ],
  ],
  // Copied and truncated before it was read to its end.
  ...[false, true].map((stale): readonly [Variant, readonly Step[]] => [
    PLAIN,
    [
      ...([write(0), { do: 'settle' }, { do: 'mode', mode: 'retry' }, write(0), write(0)] as const),
      ...([{ do: 'copytruncate', place: 0, stale, hasty: true }, write(0), { do: 'mode', mode: 'accept' }] as const),
      { do: 'settle' },
    ],
  ]),
  // Truncated while a turn was under way, right before a stop.
  [
    PLAIN,
    [
      ...([write(1), { do: 'settle' }, write(1), { do: 'turns', count: 4 }, write(1)] as const),
      ...([{ do: 'copytruncate', place: 1, stale: true, hasty: true }, { do: 'stop' }] as const),
    ],
  ],
  // The name of the copy comes right after another one, and the original has lost its name before it is known to be truncated.
  [
    PLAIN,
    [
      ...([write(0), { do: 'settle' }, { do: 'rewrite', place: 0, hasty: false }] as const),
      ...([{ do: 'copytruncate', place: 0, stale: false, hasty: false }] as const),
      ...([{ do: 'rewrite', place: 0, hasty: true }, { do: 'settle' }] as const),
    ],
  ],
  // The copy has the inode of an empty file that was replaced right before, and is born a moment after that one.
  [
    { ...PLAIN, fewOpen: true, truncates: true, flushes: true },
    [
      ...([write(0), { do: 'checkpoint' }, { do: 'truncate', place: 0, regrow: true, hasty: true }] as const),
      ...([rotate(0, true), { do: 'turns', count: 1 }, { do: 'rewrite', place: 0, hasty: true }] as const),
      ...([{ do: 'stop' }, { do: 'copytruncate', place: 0, stale: false, hasty: true }] as const),
    ],
  ],
];
