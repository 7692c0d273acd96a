import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { z } from 'zod';
import { resolveSending, sendingShape } from '../../src/core/sending.ts';
import { byteSize, duration, parseByteSize, parseDuration, secret } from '../../src/core/settings.ts';

describe('durations', () => {
  for (const [text, ms] of [
    ['0', 0],
    ['200ms', 200],
    ['5s', 5000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['250us', 0.25],
    ['250\u00b5s', 0.25],
    ['250\u03bcs', 0.25],
    ['1000000ns', 1],
    ['1h1m1s1ms', 3_661_001],
  ] as const) {
    it(`reads ${text}`, () => {
      assert.ok(Math.abs((parseDuration(text) ?? Number.NaN) - ms) < 1e-9);
    });
  }

  for (const text of ['', '5', 's', '5 s', '5sec', '-5s', '5s ', '1h-5m', '.s', '1e3s', 'ms5']) {
    it(`does not read "${text}"`, () => assert.equal(parseDuration(text), undefined));
  }

  it('takes 0 as a number, and says what to write instead of another number', () => {
    assert.equal(duration().parse(0), 0);
    const result = duration().safeParse(5);
    assert.match(result.error?.issues[0]?.message ?? '', /"5" is not a duration; write a number and a unit/);
  });
});

describe('sizes', () => {
  it('says of what has a minus that it must not be negative', () => {
    for (const [type, text] of [
      [byteSize(), '-1MiB'],
      [byteSize(), '-5'],
      [duration(), '-5s'],
      [duration(), '-1m30s'],
    ] as const) {
      assert.equal(type.safeParse(text).error?.issues[0]?.message, `"${text}" must not be negative`);
    }
    assert.match(duration().safeParse('-five').error?.issues[0]?.message ?? '', /is not a duration/);
    assert.match(byteSize().safeParse('-').error?.issues[0]?.message ?? '', /is not a size/);
  });

  for (const [text, bytes] of [
    ['1024', 1024],
    ['64b', 64],
    ['1k', 1024],
    ['64kb', 65_536],
    ['1MiB', 1_048_576],
    ['1.5 MiB', 1_572_864],
    ['2GiB', 2_147_483_648],
    ['1t', 1_099_511_627_776],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(parseByteSize(text), bytes));
  }

  it('takes whole numbers and refuses what is neither', () => {
    assert.equal(byteSize().parse(77), 77);
    for (const value of [-1, 1.5, 'much', '', '1XB', '-1k']) assert.equal(byteSize().safeParse(value).success, false);
  });
});

it('a secret is printed nowhere and revealed on request', () => {
  const token = secret().parse('hunter2');
  assert.equal(token.reveal(), 'hunter2');
  for (const printed of [token.toString(), JSON.stringify({ token }), inspect({ token })]) {
    assert.ok(printed.includes('[REDACTED]') && !printed.includes('hunter2'), printed);
  }
});

describe('sending settings', () => {
  const schema = z.strictObject(sendingShape('5s'));

  it("have the Collector's defaults, and ours where they are ours", () => {
    assert.partialDeepStrictEqual(resolveSending(schema.parse({})), {
      timeout: 5000,
      sending_queue: {
        enabled: true,
        num_consumers: 10,
        queue_size: 1000,
        sizer: 'requests',
        max_bytes: 33_554_432,
        block_on_overflow: false,
        wait_for_result: false,
        optional: false,
        overflow: 'push_back',
        fresh_first: false,
      },
      retry_on_failure: {
        enabled: true,
        initial_interval: 5000,
        randomization_factor: 1,
        multiplier: 1.5,
        max_interval: 30_000,
        max_elapsed_time: 300_000,
      },
      circuit_breaker: { enabled: true, failure_threshold: 5 },
      adaptive_concurrency: { enabled: true, initial: 1, min: 1, latency_tolerance: 1.5 },
      flush_jitter: 0.1,
    });
  });

  it('turn batching on for null and for an empty object', () => {
    const batch = { flush_timeout: 200, min_size: 8192, max_size: 0, sizer: 'items' };
    for (const raw of [null, {}])
      assert.deepEqual(schema.parse({ sending_queue: { batch: raw } }).sending_queue.batch, batch);
  });

  for (const [why, raw, path] of [
    ['no consumers', { num_consumers: 0 }, ['num_consumers']],
    ['a max_size below min_size', { batch: { min_size: 10, max_size: 5 } }, ['batch', 'max_size']],
    ['a flush_timeout of 0', { batch: { flush_timeout: 0 } }, ['batch', 'flush_timeout']],
    [
      'a min_size that the queue cannot hold',
      { sizer: 'items', queue_size: 100, batch: { min_size: 101 } },
      ['batch', 'min_size'],
    ],
    ['waiting for the result of a queue on disk', { wait_for_result: true, storage: 'file' }, ['wait_for_result']],
  ] as const) {
    it(`refuse ${why}`, () => {
      const result = schema.safeParse({ sending_queue: raw });
      assert.deepEqual(
        result.error?.issues.map((issue) => issue.path),
        [['sending_queue', ...path]],
      );
    });
  }
});
