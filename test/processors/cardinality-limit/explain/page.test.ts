import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test, type TestContext } from 'node:test';
import { adminExtension } from '../../../../src/extensions/admin/index.ts';
import { testContext, testHost } from '../../../support/context.ts';
import { freePort } from '../../../support/ports.ts';
import { changingMetric } from '../../../support/seen-points.ts';
import { adminPage } from './page-of.ts';
import { ExplainRig } from './rig.ts';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</pre></style><svg onload=alert(1)>',
  '&lt;b&gt;',
  '<!--',
  '\u202e<b>\u0000',
];

test('several limiters share one page, in the order in which they came, and leave it when they stop', () => {
  const first = new ExplainRig();
  const second = new ExplainRig({ admin: first.admin, id: 'cardinality_limit/edge', pipeline: 'metrics/edge' });
  second.seeMany(changingMetric('requests'), 3000, (i) => ({ point: { user_id: `${i}` } }));
  const { body, html } = adminPage(first.admin);
  assert.deepEqual(
    body.processors.map(({ processor, pipeline, window, metrics }) => [processor, pipeline, window, metrics.length]),
    [
      ['cardinality_limit', 'metrics', '10m', 0],
      ['cardinality_limit/edge', 'metrics/edge', '10m', 1],
    ],
  );
  assert.match(html, /All metrics have room/);
  assert.match(html, /cardinality_limit\/edge/);
  second.explanation.stop();
  second.explanation.stop();
  assert.equal(adminPage(first.admin).body.processors.length, 1);
});

test('a limiter of spans or logs that has nothing to tell says so of their attributes, not of metrics', () => {
  const spans = new ExplainRig({ signal: 'traces', pipeline: 'traces' });
  const calm = adminPage(spans.admin);
  assert.match(calm.html, /Nothing is near its limit\./);
  assert.match(calm.html, /All attributes of spans that are limited have room\./);
  assert.doesNotMatch(calm.html, /metric/i);
  const logs = new ExplainRig({ signal: 'logs', pipeline: 'logs', admin: spans.admin });
  assert.match(adminPage(logs.admin).html, /All attributes of logs that are limited have room\./);
  assert.deepEqual(
    adminPage(logs.admin).body.processors.map(({ of }) => of),
    ['spans', 'logs'],
  );
  const metrics = new ExplainRig();
  assert.match(adminPage(metrics.admin).html, /No metric is near its limit of series\./);
});

test('the advice for all that is shown is one configuration, too', () => {
  const rig = new ExplainRig();
  assert.equal(adminPage(rig.admin).body.suggestion, '');
  for (const name of ['requests', 'errors']) {
    rig.seeMany(changingMetric(name), 3000, (i) => ({ point: { user_id: `<${i}>` } }));
  }
  const { body, html } = adminPage(rig.admin);
  for (const name of ['requests', 'errors']) assert.match(body.suggestion, new RegExp(`- match: ${name}\n`));
  assert.match(html, /All of it at once/);
  assert.equal(html.split('match: errors').length, 3);
  assert.doesNotMatch(adminPage(rig.admin, 'metric=err').body.suggestion, /requests/);
});

test('a part of a name chooses metrics, and there is nothing below the page', async () => {
  const rig = new ExplainRig();
  for (const name of ['http_requests', 'http_errors', 'cart_items']) {
    rig.seeMany(changingMetric(name), 3000, (i) => ({ point: { user_id: `${i}` } }));
  }
  const names = adminPage(rig.admin, 'metric=http').body.processors[0]?.metrics.map(({ metric }) => metric);
  assert.deepEqual(names?.sort(), ['http_errors', 'http_requests']);
  const [page] = rig.admin.list();
  const below = await page?.answer({ method: 'GET', rest: 'x', query: new URLSearchParams(), body: undefined });
  assert.equal(below?.status, 404);
});

test('whatever names and values say, they are text on the page and nothing hidden is in it', () => {
  const rig = new ExplainRig();
  for (const text of HOSTILE) {
    const metric = changingMetric(text, { service: text, tenant: text, limit: 100 });
    rig.seeMany(metric, 200, (i) => ({
      point: { [text]: `${text}${i}` },
      resource: { [text]: text },
      scopeName: text,
    }));
  }
  const { html, body } = adminPage(rig.admin);
  assert.equal(body.processors[0]?.metrics.length, HOSTILE.length);
  const tags = new Set(Array.from(html.matchAll(/<\/?([a-z0-9]+)/gi), ([, tag = '']) => tag));
  for (const tag of ['script', 'img', 'svg', 'style', 'b']) {
    // `b` counts metrics in the first line.
    if (tag === 'b') assert.equal(html.match(/<b[ >]/g)?.length, 2);
    else assert.ok(!tags.has(tag), tag);
  }
  assert.doesNotMatch(html, /<[^>]*\son\w+\s*=/i);
  assert.doesNotMatch(html, /<!--|\u202e|\u0000/);
  assert.match(html, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
  assert.match(html, /&amp;lt;b&amp;gt;/);
});

test('the page needs nothing else and has no script, so that it can be read without one', () => {
  const rig = new ExplainRig();
  rig.seeMany(changingMetric('requests'), 3000, (i) => ({ point: { user_id: `${i}` } }));
  const { html } = adminPage(rig.admin);
  assert.doesNotMatch(html, /<(script|link|iframe|object|form|base)\b|\ssrc=|\sstyle=|url\(/i);
  assert.deepEqual(
    Array.from(html.matchAll(/href="([^"]*)"/g), ([, href]) => href),
    ['?format=json'],
  );
  for (const wanted of [
    'user_id drives it',
    'over its limit',
    'What would help',
    '2,000 of 2,000',
    '2026-11-26 12:00:00',
  ]) {
    assert.ok(html.includes(wanted), wanted);
  }
});

test('the admin extension serves it as JSON, and to a browser as a page under a policy that runs nothing', async (t) => {
  const host = testHost();
  const rig = new ExplainRig({ admin: host.admin });
  rig.seeMany(changingMetric('requests'), 3000, (i) => ({ point: { user_id: `${i}` } }));
  const port = await served(t, host);
  const json = await ask(port, '/cardinality');
  assert.equal(json.type, 'application/json');
  assert.match(json.text, /"explanation": "user_id drives it/);
  const page = await ask(port, '/cardinality', 'text/html,*/*;q=0.8');
  assert.equal(page.type, 'text/html; charset=utf-8');
  assert.match(page.policy, /^default-src 'none'; style-src 'sha256-[\w+/=]+';/);
  assert.doesNotMatch(page.policy, /unsafe|https?:|\*/);
  assert.match(page.text, /<title>Cardinality · Remora<\/title>/);
});

async function served(t: TestContext, host: ReturnType<typeof testHost>): Promise<number> {
  const port = await freePort();
  const parsed = adminExtension.parse({ endpoint: `127.0.0.1:${port}` });
  assert.ok(parsed.ok);
  const extension = await parsed.prepared.create({ ...testContext(), host });
  await extension.start?.();
  t.after(() => extension.stop?.(AbortSignal.abort()));
  return port;
}

interface Reply {
  readonly type: string;
  readonly policy: string;
  readonly text: string;
}

function ask(port: number, path: string, accept = '*/*'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers: { Accept: accept } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        const { 'content-type': type = '', 'content-security-policy': policy = '' } = response.headers;
        resolve({ type, policy: String(policy), text });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
