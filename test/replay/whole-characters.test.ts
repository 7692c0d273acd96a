import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WholeCharacters } from '../../src/replay/record/whole-characters.ts';

const TEXT = Buffer.from('aé€😀z');

test('wherever a read cuts a character of UTF-8, all appended texts are whole, and nothing is lost', () => {
  for (let cut = 0; cut <= TEXT.length; cut++) {
    const characters = new WholeCharacters();
    const pieces: Buffer[] = [];
    for (const content of [TEXT.subarray(0, cut), TEXT.subarray(cut)]) {
      for (const operation of characters.whole('/a', { op: 'append', content })) {
        assert.ok(operation.op === 'append');
        pieces.push(Buffer.from(operation.content));
      }
    }
    assert.deepEqual(characters.rest(), []);
    assert.equal(Buffer.concat(pieces).toString(), TEXT.toString());
    for (const piece of pieces) assert.ok(!piece.toString().includes('\ufffd'), `cut at ${cut}`);
  }
});

test('bytes that are no text stay where they are, and those of a cut character come before what else happens to the file', () => {
  const characters = new WholeCharacters();
  const binary = Buffer.from([0x61, 0xff, 0x80, 0x80]);
  assert.deepEqual(characters.whole('/a', { op: 'append', content: binary }), [{ op: 'append', content: binary }]);
  const cut = TEXT.subarray(0, 2);
  assert.deepEqual(characters.whole('/a', { op: 'append', content: cut }), [
    { op: 'append', content: cut.subarray(0, 1) },
  ]);
  const operations = characters.whole('/a', { op: 'rename', to: '/b' });
  assert.deepEqual(
    operations.map(({ op }) => op),
    ['append', 'rename'],
  );
  characters.whole('/c', { op: 'append', content: cut });
  assert.equal(characters.rest().length, 1);
});
