import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { test, type TestContext as Test } from 'node:test';
import type { AdminPage, AdminRequest } from '../../src/core/admin.ts';
import { isRecord } from '../../src/config/records.ts';
import { adminExtension } from '../../src/extensions/admin/index.ts';
import { MAX_BODY_BYTES } from '../../src/extensions/admin/body.ts';
import { testContext, testHost, type TestHost } from '../support/context.ts';
import { freePort } from '../support/ports.ts';

interface Scene {
  readonly port: number;
  readonly host: TestHost;
  /** What the page at /probe was asked. */
  readonly asked: AdminRequest[];
}

async function scene(t: Test, settings: object = {}): Promise<Scene> {
  const port = await freePort();
  const host = testHost();
  const asked: AdminRequest[] = [];
  const probe: AdminPage = {
    path: '/probe',
    summary: 'Notes what it is asked.',
    methods: ['GET', 'POST'],
    answer: (each) => {
      asked.push(each);
      return { status: 200, body: { rest: each.rest } };
    },
  };
  host.admin.add(probe);
  const parsed = adminExtension.parse({ endpoint: `127.0.0.1:${port}`, ...settings });
  assert.ok(parsed.ok);
  const extension = await parsed.prepared.create({ ...testContext(), host });
  await extension.start?.();
  t.after(() => extension.stop?.(AbortSignal.abort()));
  return { port, host, asked };
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

function ask({ port }: Scene, path: string, options: RequestOptions & { body?: string } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        const body: unknown = JSON.parse(text);
        assert.ok(isRecord(body));
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.on('error', reject);
    asked.end(options.body);
  });
}

const JSON_TYPE = { 'Content-Type': 'application/json' };

test('the first page lists the pages, and one that is added later is there at once', async (t) => {
  const at = await scene(t);
  const first = await ask(at, '/');
  assert.equal(first.status, 200);
  assert.deepEqual(first.body['pages'], [
    { path: '/probe', methods: ['GET', 'POST'], summary: 'Notes what it is asked.' },
  ]);
  const closer: AdminPage = {
    path: '/probe/near',
    summary: 'Closer.',
    methods: ['GET'],
    answer: () => ({ status: 200, body: { near: true } }),
  };
  at.host.admin.add(closer);
  assert.deepEqual((await ask(at, '/probe/near')).body, { near: true });
  assert.deepEqual((await ask(at, '/probe/other/x')).body, { rest: 'other/x' });
  assert.equal((await ask(at, '/problem')).status, 404);
});

test('a page gets its method, query and body, and only the methods that it takes', async (t) => {
  const at = await scene(t);
  await ask(at, '/probe?a=1', { method: 'POST', headers: JSON_TYPE, body: '{"b": 2}' });
  assert.ok(at.asked[0] !== undefined);
  assert.equal(at.asked[0].method, 'POST');
  assert.equal(at.asked[0].query.get('a'), '1');
  assert.deepEqual(at.asked[0].body, { b: 2 });
  assert.equal((await ask(at, '/probe', { method: 'DELETE' })).status, 405);
  assert.equal((await ask(at, '/', { method: 'POST', headers: JSON_TYPE })).status, 405);
  assert.equal(at.asked.length, 1);
});

test('what a web page could send is refused: an Origin, a foreign Host, a form', async (t) => {
  const at = await scene(t);
  const { port } = at;
  const refused: [RequestOptions & { body?: string }, number][] = [
    [{ headers: { Origin: 'http://evil.example' } }, 403],
    [{ headers: { Origin: 'null' } }, 403],
    [{ headers: { Origin: `http://127.0.0.1:${port}` } }, 403],
    [{ headers: { 'Sec-Fetch-Site': 'cross-site' } }, 403],
    [{ headers: { Host: 'evil.example' } }, 421],
    [{ headers: { Host: 'localhost.evil.example:13134' } }, 421],
    [{ headers: { Host: '127.0.0.1.evil.example' } }, 421],
    [{ headers: { Host: '127.evil.example' } }, 421],
    [{ headers: { Host: 'a b' } }, 421],
    [{ method: 'POST', body: 'for=10m', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }, 415],
    [{ method: 'POST', body: '{}', headers: { 'Content-Type': 'text/plain' } }, 415],
    [{ method: 'POST', body: '{}' }, 415],
  ];
  for (const [options, status] of refused) {
    const reply = await ask(at, '/probe', options);
    assert.equal(reply.status, status, JSON.stringify(options));
    assert.match(String(reply.body['error']), /\.$/);
  }
  assert.equal(at.asked.length, 0);
  for (const host of ['localhost', `localhost:${port}`, '127.0.0.1', '[::1]:99', 'LOCALHOST']) {
    assert.equal((await ask(at, '/probe', { headers: { Host: host } })).status, 200, host);
  }
});

test('a body that is too large, no JSON, or broken off reaches no page, and the extension lives', async (t) => {
  const at = await scene(t);
  const post = (body: string) => ask(at, '/probe', { method: 'POST', headers: JSON_TYPE, body });
  assert.equal((await post('{"a": ')).status, 400);
  assert.equal((await post(`"${'x'.repeat(MAX_BODY_BYTES)}"`)).status, 413);
  const cutOff = request({ host: '127.0.0.1', port: at.port, path: '/probe', method: 'POST', headers: JSON_TYPE });
  const gone = new Promise((resolve) => cutOff.on('error', resolve));
  cutOff.write('{"a":', () => cutOff.destroy());
  await gone;
  assert.equal(at.asked.length, 0);
  assert.equal((await ask(at, '/probe')).status, 200);
});

test('with a token only those who send it are answered', async (t) => {
  const at = await scene(t, { token: 'k3y' });
  const bearer = (text: string) => ask(at, '/probe', { headers: { Authorization: text } });
  const without = await ask(at, '/probe');
  assert.equal(without.status, 401);
  assert.equal(without.headers['www-authenticate'], 'Bearer');
  for (const wrong of ['Bearer k3', 'Bearer k3yy', 'bearer', 'k3y', 'Bearer ']) {
    assert.equal((await bearer(wrong)).status, 401, wrong);
  }
  assert.equal(at.asked.length, 0);
  assert.equal((await bearer('Bearer k3y')).status, 200);
});

interface TextReply {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function askText({ port }: Scene, path: string, headers: Record<string, string>): Promise<TextReply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ headers: response.headers, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

test('a page for people goes to browsers, JSON to everybody else, and ?format= has the last word', async (t) => {
  const at = await scene(t);
  at.host.admin.add({
    path: '/seen',
    summary: 'Has a page for people.',
    methods: ['GET'],
    answer: () => ({
      status: 200,
      body: { seen: 1 },
      html: () => ({ title: 'Seen', style: 'b { color: red }', body: '<p><b>1</b></p>' }),
    }),
  });
  const kindOf = async (path: string, accept?: string): Promise<string> => {
    const { headers } = await askText(at, path, accept === undefined ? {} : { Accept: accept });
    return headers['content-type'] ?? '';
  };
  for (const accept of [undefined, '*/*', 'application/json', 'text/html;q=0.4, application/json', 'text/plain']) {
    assert.equal(await kindOf('/seen', accept), 'application/json', accept ?? 'none');
  }
  assert.equal(await kindOf('/seen', BROWSER), 'text/html; charset=utf-8');
  assert.equal(await kindOf('/seen?format=json', BROWSER), 'application/json');
  assert.equal(await kindOf('/seen?format=html'), 'text/html; charset=utf-8');
  assert.equal(await kindOf('/probe', BROWSER), 'application/json');
});

test('a page for people runs nothing, fetches nothing, and only its own stylesheet applies', async (t) => {
  const at = await scene(t);
  const style = 'b { color: red }';
  at.host.admin.add({
    path: '/seen',
    summary: 'Has a page for people.',
    methods: ['GET'],
    answer: () => ({ status: 200, body: {}, html: () => ({ title: 'Seen', style, body: '<b>1</b>' }) }),
  });
  const { headers, text } = await askText(at, '/seen', { Accept: BROWSER });
  const hash = createHash('sha256').update(style).digest('base64');
  assert.equal(
    headers['content-security-policy'],
    `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  assert.match(text, /^<!doctype html>\n<html lang="en">[^]*<style>b \{ color: red \}<\/style>[^]*<b>1<\/b>/);
  const json = await askText(at, '/probe', {});
  assert.match(String(json.headers['content-security-policy']), /^default-src 'none'; base-uri 'none';/);
});

test('a link of a page for people may be followed, and nothing else that a page asks for', async (t) => {
  const at = await scene(t);
  const status = async (site: string, mode: string, method = 'GET'): Promise<number> => {
    const headers = { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode, ...(method === 'POST' ? JSON_TYPE : {}) };
    return (await ask(at, '/probe', { method, headers })).status;
  };
  assert.equal(await status('same-origin', 'navigate'), 200);
  assert.equal(await status('none', 'navigate'), 200);
  assert.equal(await status('same-origin', 'cors'), 403);
  assert.equal(await status('same-origin', 'navigate', 'POST'), 403);
  assert.equal(await status('same-site', 'navigate'), 403);
  assert.equal(await status('cross-site', 'navigate'), 403);
});

test('a page that throws is a 500 that says nothing of it', async (t) => {
  const at = await scene(t);
  at.host.admin.add({
    path: '/broken',
    summary: 'Throws.',
    methods: ['GET'],
    answer: () => {
      throw new Error('k3y');
    },
  });
  const reply = await ask(at, '/broken');
  assert.equal(reply.status, 500);
  assert.doesNotMatch(JSON.stringify(reply.body), /k3y/);
});

test('an address that other machines reach needs a token, or a word that anyone may come', () => {
  const issues = (raw: object): string[] => {
    const parsed = adminExtension.parse(raw);
    return parsed.ok ? [] : parsed.issues.map(({ message }) => message);
  };
  for (const endpoint of ['localhost:1', '127.0.0.1:1', '127.8.8.8:1', '[::1]:1']) {
    assert.deepEqual(issues({ endpoint }), [], endpoint);
  }
  for (const endpoint of ['0.0.0.0:1', ':1', '[::]:1', '10.0.0.7:1', 'pod.example:1', '127.evil.example:1']) {
    assert.match(issues({ endpoint }).join(), /can be reached from other machines; set token/, endpoint);
    assert.deepEqual(issues({ endpoint, token: 'k3y' }), [], endpoint);
    assert.deepEqual(issues({ endpoint, allow_anyone: true }), [], endpoint);
  }
  assert.match(issues({ endpoint: 'localhost' }).join(), /must be host:port/);
  assert.match(issues({ token: '' }).join(), /must not be empty/);
});
