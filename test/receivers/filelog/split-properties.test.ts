import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { referenceRecords } from './reference-splitter.ts';
import { splitRig, type SplitOptions } from './split-support.ts';
import { tempDirectory } from './support.ts';

const RUNS = Number(process.env['REMORA_SPLIT_RUNS'] ?? 150);

const words = [
  'a',
  'bc',
  ' ',
  '\t',
  '\n',
  '\n',
  '\r\n',
  '\r',
  '\0',
  'é',
  '€',
  '😀',
  'START',
  'START',
  'END',
  'END OF',
  ';',
  '12 ',
];
const texts = fc.array(fc.constantFrom(...words), { maxLength: 120 }).map((parts) => parts.join(''));

const starts = ['^START', 'START', '^\\d+ ', 'é+', '\\bSTART|;', '^START( |\\n)', '^'];
const ends = ['END', 'END$', '^END.*$', 'END( OF)?', ';\\s*', '\\n\\n+', '😀|€'];
const multilines = fc.oneof(
  fc.constant(undefined),
  fc.record({ line_start_pattern: fc.constantFrom(...starts), omit_pattern: fc.boolean() }),
  fc.record({ line_end_pattern: fc.constantFrom(...ends), omit_pattern: fc.boolean() }),
);

const encoders: Readonly<Record<string, (text: string) => Buffer>> = {
  'utf-8': (text) => Buffer.from(text, 'utf8'),
  'utf-16le': (text) => Buffer.from(text, 'utf16le'),
  'utf-16be': (text) => Buffer.from(text, 'utf16le').swap16(),
};

interface Case {
  readonly text: string;
  readonly encoding: string;
  readonly options: SplitOptions;
  /** Where the file stood when it was looked at, in parts of a thousand; odd ones are restarts too. */
  readonly looks: readonly number[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  text: texts,
  encoding: fc.constantFrom(...Object.keys(encoders)),
  options: fc.record({
    multiline: multilines,
    chunkBytes: fc.integer({ min: 16, max: 80 }),
    keepLeading: fc.boolean(),
    keepTrailing: fc.boolean(),
  }),
  looks: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 6 }),
}) as fc.Arbitrary<Case>;

async function check(t: TestContext, directory: string, { text, encoding, options, looks }: Case): Promise<void> {
  const encode = encoders[encoding] ?? ((whole: string) => Buffer.from(whole));
  const bytes = encode(text);
  const rig = splitRig(t, { ...options, encoding }, directory);
  let written = 0;
  for (const look of [...looks].sort((a, b) => a - b)) {
    const upTo = Math.floor((bytes.length * look) / 1000);
    await rig.append(bytes.subarray(written, upTo));
    written = upTo;
    if (look % 2 === 1) await rig.restart();
  }
  await rig.append(bytes.subarray(written));
  await rig.flush();
  rig.file().close();
  const expected = referenceRecords(text, options, (character) => encode(character).length);
  assert.deepEqual(rig.found, expected);
}

test('records are those of the whole text, whatever the chunks, the encoding, the moments of looking and restarts', async (t) => {
  const directory = tempDirectory(t);
  await fc.assert(
    fc.asyncProperty(cases, (one) => check(t, directory, one)),
    { numRuns: RUNS },
  );
});

test('lines longer than max_log_size are cut at the same places, whatever the chunks and the moments of looking', async (t) => {
  const directory = tempDirectory(t);
  const cutting = fc.record({ maxLogSize: fc.integer({ min: 4, max: 40 }), truncate: fc.boolean() });
  const long = fc.tuple(cases, cutting).map(([one, limits]): Case => {
    const { chunkBytes = 16 } = one.options;
    return { ...one, options: { chunkBytes, ...limits } };
  });
  await fc.assert(
    fc.asyncProperty(long, (one) => check(t, directory, one)),
    { numRuns: RUNS },
  );
});

test('records of several lines are cut at the same places too', async (t) => {
  const directory = tempDirectory(t);
  const long = fc
    .tuple(cases, fc.integer({ min: 4, max: 400 }), fc.boolean())
    .map(([one, maxLogSize, truncate]): Case => ({
      ...one,
      text: one.text.repeat(5),
      options: { ...one.options, maxLogSize, truncate },
    }));
  await fc.assert(
    fc.asyncProperty(long, (one) => check(t, directory, one)),
    { numRuns: RUNS },
  );
});
