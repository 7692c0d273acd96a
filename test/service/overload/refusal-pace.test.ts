import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusalPace } from '../../../src/service/overload/refusal-pace.ts';

function setUp() {
  let busy = 0;
  const pace = new RefusalPace(() => busy);
  return (share: number, perSecond: number): number => {
    busy = share;
    pace.look(perSecond);
    return pace.restMs;
  };
}

test('refused connections rest while there are many refusals and the loop has no time to spare, up to a second', () => {
  const look = setUp();
  assert.equal(look(0.5, 5000), 0, 'there is time');
  assert.equal(look(0.99, 200), 0, 'few refusals are no matter');
  assert.equal(look(0.99, 500), 100);
  assert.equal(look(0.99, 5000), 400, 'never more than four times as long at once');
  assert.equal(look(0.99, 200), 400, 'that is about right');
  assert.equal(look(0.8, 5000), 400);
  assert.equal(look(0.99, 5000), 1000);
});

test('they rest less and less once there are few refusals or time to spare', () => {
  const look = setUp();
  look(0.99, 5000);
  assert.deepEqual([look(0.99, 100), look(0.3, 5000)].map(Math.round), [140, 98]);
  for (let i = 0; i < 3; i++) look(0.3, 0);
  assert.equal(look(0.3, 0), 0);
});
