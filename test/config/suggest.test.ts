import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../src/config/suggest.ts';

const KEYS = ['endpoint', 'timeout', 'headers', 'tls', 'sending_queue', 'retry_on_failure', 'flush_jitter'];

test('slips of the finger find the key that was meant', () => {
  const slips: Record<string, string> = {
    endpiont: 'endpoint',
    enpoint: 'endpoint',
    time_out: 'timeout',
    header: 'headers',
    sendingQueue: 'sending_queue',
    'sending-queue': 'sending_queue',
    retyr: 'retry_on_failure',
    retry: 'retry_on_failure',
    tsl: 'tls',
    end: 'endpoint',
    endpoint_address: 'endpoint',
    timeout_seconds: 'timeout',
  };
  for (const [slip, meant] of Object.entries(slips)) assert.equal(nearest(slip, KEYS), meant, slip);
});

test('of a word that goes on behind one candidate, a slip of another one is nearer', () => {
  assert.equal(nearest('metrics_pth', ['metrics', 'metrics_path']), 'metrics_path');
  assert.equal(nearest('warning', ['debug', 'info', 'warn', 'error', 'WARN']), 'warn');
});

test('words that are near nothing get no suggestion', () => {
  for (const word of ['xyzzy', 'compression', 'a', 'authenticator']) assert.equal(nearest(word, KEYS), undefined, word);
});
