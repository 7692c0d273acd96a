import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { printConfig } from '../../src/config/print.ts';
import { formatAll, load } from './load.ts';

const CANARY = 'canary-7f3a9';

const config = (exporter: string) => ({
  'a.yaml': `receivers: {otlp: {protocols: {grpc: }}}
exporters: {otlp: {endpoint: "up:4317", ${exporter}}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}}
`,
});

const env = {
  TOKEN: CANARY,
  NUMBER: '8812345678',
  MAP: `{x-key: ${CANARY}, y: {z: ${CANARY}}}`,
  LIST: `[${CANARY}]`,
  NESTED: 'Bearer ${TOKEN}',
  URL: `https://user:${CANARY}@up:4317`,
};

test('a secret from the environment is in no problem, wherever it was put', async () => {
  const wrong = [
    'timeout: "${TOKEN}"',
    'timeout: "a ${TOKEN}"',
    'timeout: "${NESTED}"',
    'sending_queue: "${TOKEN}"',
    'sending_queue: {sizer: "${TOKEN}", queue_size: "${TOKEN}", max_bytes: "x${TOKEN}"}',
    'sending_queue: "${MAP}"',
    'sending_queue: {num_consumers: "${LIST}"}',
    'headers: "${TOKEN}"',
    'headers: "${MAP}"',
    'headers: {a: {b: "${TOKEN}"}}',
    'timeout: "${yaml:\'${TOKEN}\'}"',
    'timeout: "${NOPE:-${TOKEN}}"',
    'x: "${${TOKEN}}"',
    'x: "${vault:${TOKEN}}"',
    'x: "${file:/${TOKEN}}"',
  ];
  for (const exporter of wrong) {
    const result = await load(config(exporter), { env });
    assert.ok(!result.ok, exporter);
    const text = formatAll(result.problems) + inspect(result, { depth: 20 });
    assert.ok(!text.includes(CANARY), `${exporter}\n${text}`);
  }
});

test('a wrong value is shown as the expression that brought it', async () => {
  const result = await load(config('timeout: "${TOKEN}"'), { env });
  assert.ok(!result.ok);
  assert.equal(
    formatAll(result.problems),
    'a.yaml:2:50 exporters.otlp.timeout: "${TOKEN}" is not a duration; write a number and a unit, such as 200ms, 5s or 1m30s',
  );
});

test('a credential written in the file is not repeated either', async () => {
  const result = await load(config('headers: {authorization: 8812345678}'), { env });
  assert.ok(!result.ok);
  assert.equal(
    formatAll(result.problems),
    'a.yaml:2:66 exporters.otlp.headers.authorization: expected text, found the number there; put it in quotes',
  );
});

test('the user and password of an address are not repeated', async () => {
  const result = await load(config('timeout: "https://me:hunter2@host/x"'));
  assert.ok(!result.ok);
  assert.match(formatAll(result.problems), /"https:\/\/\[REDACTED\]@host\/x" is not a duration/);
});

test('a printed configuration shows no secret, and the wire gets the real one', async () => {
  const headers = 'headers: {a: "${TOKEN}", b: "Bearer ${TOKEN}", c: "${NUMBER}", d: "${NESTED}"}';
  const files = config(`${headers}, retry_on_failure: {enabled: false}`);
  const text = files['a.yaml'].replace('up:4317', '${URL}');
  const result = await load({ 'a.yaml': text }, { env });
  assert.ok(result.ok);
  const { plan } = result;
  for (const format of ['yaml', 'json'] as const) {
    const printed = printConfig(plan, { format });
    assert.ok(!printed.includes(CANARY) && !printed.includes(env.NUMBER), printed);
    assert.match(printed, /\[REDACTED\]/);
  }
  assert.ok(!inspect(plan.effective, { depth: 20 }).includes(CANARY));
  const { headers: sent } = plan.exporters.get('otlp')?.prepared.config as { headers: Record<string, Secretive> };
  assert.deepEqual(
    Object.values(sent).map((secret) => secret.reveal()),
    [CANARY, `Bearer ${CANARY}`, env.NUMBER, `Bearer ${CANARY}`],
  );
});

interface Secretive {
  reveal(): string;
}
