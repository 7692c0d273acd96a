import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ValueBuckets } from '../../../src/processors/cardinality-limit/value-buckets.ts';
import { cpuMsOf } from '../../support/cpu-time.ts';

test('what looks like an id is replaced, and what does not stays', () => {
  const buckets = new ValueBuckets([], true);
  const cases: Readonly<Record<string, string>> = {
    '/users/4711': '/users/{number}',
    '/users/4711/orders/12': '/users/{number}/orders/{number}',
    '/api/v1/p99': '/api/v1/p99',
    'order-12345': 'order-{number}',
    user12345: 'user{number}',
    'http2 and utf8': 'http2 and utf8',
    '/a/6ba7b810-9dad-11d1-80b4-00c04fd430c8/b': '/a/{uuid}/b',
    '6BA7B810-9DAD-11D1-80B4-00C04FD430C8': '{uuid}',
    'sha 9f86d081884c7d65': 'sha {hex}',
    '0xdeadbeef01': '{hex}',
    deadbeef: 'deadbeef',
    'token eyJhbGciOiJIUzI1NiIsInR5': 'token {id}',
    '10.0.0.1:8080': '{number}.{number}:{number}',
    '-3.5 ms': '-{number} ms',
    '': '',
    plain: 'plain',
    'in {braces} already': 'in {braces} already',
    [`/${'x'.repeat(2000)}`]: '{long}',
  };
  for (const [value, expected] of Object.entries(cases)) assert.equal(buckets.of(value), expected, value);
});

test('own patterns come first, in their order, and are matched without the query', () => {
  const buckets = new ValueBuckets(['/users/{id}', '/users/{id}/orders/{order}', '/files/*', 'job.{name}'], true);
  const cases: Readonly<Record<string, string>> = {
    '/users/anna': '/users/{id}',
    '/users/anna?page=3': '/users/{id}',
    '/users/anna/orders/7': '/users/{id}/orders/{order}',
    '/users/': '/users/',
    '/users/anna/cart': '/users/anna/cart',
    '/files/a/b/c': '/files/*',
    'job.nightly': 'job.{name}',
    jobXnightly: 'jobXnightly',
    '/carts/12': '/carts/{number}',
  };
  for (const [value, expected] of Object.entries(cases)) assert.equal(buckets.of(value), expected, value);
});

test('without ids only the patterns count', () => {
  const buckets = new ValueBuckets(['/users/{id}'], false);
  assert.equal(buckets.of('/users/1'), '/users/{id}');
  assert.equal(buckets.of('/carts/1'), '/carts/1');
});

test('a value that is made to take long does not', () => {
  const buckets = new ValueBuckets(['/{a}/{b}/{c}/{d}/{e}/x'], true);
  const values = ['1a'.repeat(500), '/'.repeat(1000), 'a-'.repeat(500), `${'0'.repeat(1000)}.`, '{'.repeat(1000)];
  const tookMs = cpuMsOf(() => {
    for (const value of values) for (let i = 0; i < 100; i++) buckets.of(value);
  });
  assert.ok(tookMs < 2000, `${tookMs} ms`);
});
