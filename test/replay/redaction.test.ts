import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redaction } from '../../src/replay/record/redaction.ts';

const redaction = new Redaction(['user.email']);

test('settings of the command line keep no credential', () => {
  assert.equal(
    redaction.setting('exporters.otlp.headers.authorization=canary'),
    'exporters.otlp.headers.authorization=[REDACTED]',
  );
  assert.equal(
    redaction.setting('exporters.otlp.headers.x=Bearer canary-canary'),
    'exporters.otlp.headers.x=Bearer [REDACTED]',
  );
  assert.equal(redaction.setting('exporters.otlp.endpoint=host:4317'), 'exporters.otlp.endpoint=host:4317');
});

test('addresses keep neither user, password nor a token in their query', () => {
  const url = redaction.url(new URL('http://user:canary@app:9090/metrics?token=canary&match=up'));
  assert.equal(url, 'http://app:9090/metrics?token=%5BREDACTED%5D&match=up');
  const plain = 'http://app:9090/metrics?match[]=up';
  assert.equal(redaction.url(new URL(plain)), plain);
});

test('values of headers lose credentials whatever their names are', () => {
  assert.equal(redaction.value('x-forwarded', 'Basic Y2FuYXJ5Y2FuYXJ5'), 'Basic [REDACTED]');
  assert.equal(redaction.value('user.email', 'a@b'), '[REDACTED]');
});
