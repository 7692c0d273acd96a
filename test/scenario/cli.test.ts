import assert from 'node:assert/strict';
import { test, type TestContext as Test } from 'node:test';
import { components } from '../../src/components.ts';
import { freePort } from '../support/ports.ts';
import { configFile, remoraCommand, startRemora } from '../support/remora.ts';

/** Each of the ten lines with a comment holds one mistake. */
const TEN_MISTAKES = `receivers:
  otlp:
    protocols:
      grpc:
        endpont: 127.0.0.1:4317              # 5:9
  filelog:
    include: [/var/log/*.log]
    start_at: begining                       # 8:15
    poll_interval: fast                      # 9:20
processors:
  memory_limitr:                             # 11:3
    limit_mib: 100
  batch:
    send_batch_size: many                    # 14:22
exporters:
  otlphttp:
    endpoint: not a url                      # 17:15
  otlp:
    endpoint: \${env:NO_SUCH_VARIABLE}:4317   # 19:15
    sending_queue:
      queue_size: -1                         # 21:19
service:
  pipelines:
    traces:
      receivers: [otlpp]                     # 25:19
      processors: [memory_limitr, batch]
      exporters: [otlp, otlphttp]
    logs:
      receivers: [filelog, otlp]
      exporters: []                          # 30:7
`;

test('validate reports ten mistakes with file, line, column and a suggestion', async (t) => {
  const path = await configFile(t, TEN_MISTAKES);
  const { code, stderr, stdout } = await remoraCommand(t, ['validate', '--config', path]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
  const expected: readonly (readonly [place: string, says: RegExp])[] = [
    ['5:9', /endpont: unknown key, did you mean "endpoint"\?/],
    ['8:15', /did you mean "beginning"\?/],
    ['9:20', /"fast" is not a duration; write a number and a unit/],
    ['11:3', /unknown processor type "memory_limitr", did you mean "memory_limiter"\?/],
    ['14:22', /send_batch_size: expected a number, found the text "many"/],
    ['17:15', /is not a URL such as https:/],
    ['19:15', /NO_SUCH_VARIABLE is not set; set it, or give a default/],
    ['21:19', /queue_size: expected more than 0/],
    ['25:19', /receiver "otlpp" is not configured, did you mean "otlp"\?/],
    ['30:7', /a pipeline needs at least one exporter/],
  ];
  assert.equal(errors.length, 10, stderr);
  for (const [at, [place, says]] of expected.entries()) {
    const line = errors[at] ?? '';
    assert.ok(line.startsWith(`error: ${path}:${place} `), `${line} is at ${place}`);
    assert.match(line, says);
  }
  assert.match(stderr, /10 errors/);
});

test('run refuses the same configuration with the same exit code, and starts nothing', async (t) => {
  const path = await configFile(t, TEN_MISTAKES);
  const { code, stderr } = await remoraCommand(t, ['run', '--config', path]);
  assert.equal(code, 2);
  assert.equal(stderr.split('\n').filter((line) => line.startsWith('error: ')).length, 10);
});

const VALID = `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters:
  otlphttp: { endpoint: 'http://127.0.0.1:1', headers: { authorization: 'Bearer \${env:TOKEN}', x-key: canary-two } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [otlphttp] } } }
`;

test('a secret is in no output: not printed, not in an error, not in a log', async (t) => {
  const path = await configFile(t, VALID);
  const broken = await configFile(t, VALID.replace('receivers: [otlp]', 'receivers: [nope]'));
  const env = { TOKEN: 'canary-one' };
  const outputs = await Promise.all([
    remoraCommand(t, ['print-config', '--config', path], env),
    remoraCommand(t, ['print-config', '--config', path, '--format', 'json'], env),
    remoraCommand(t, ['validate', '--config', path], env),
    remoraCommand(t, ['validate', '--config', broken], env),
  ]);
  const [yaml, json, valid, invalid] = outputs;
  for (const { stdout, stderr } of outputs) assert.doesNotMatch(stdout + stderr, /canary/);
  assert.deepEqual([yaml.code, json.code, valid.code, invalid.code], [0, 0, 0, 2]);
  assert.match(yaml.stdout, /authorization: .*REDACTED/);
  assert.match(yaml.stdout, /max_elapsed_time: 5m/, 'defaults are shown');
  const printed: unknown = JSON.parse(json.stdout);
  assert.ok(typeof printed === 'object' && printed !== null && 'exporters' in printed);
  assert.match(valid.stdout, /is valid: pipelines 1 traces, 0 metrics, 0 logs/);
});

test('what print-config prints is itself a valid configuration', async (t) => {
  const path = await configFile(t, VALID);
  const { stdout } = await remoraCommand(t, ['print-config', '--config', path], { TOKEN: 'x' });
  const again = await remoraCommand(t, ['validate', '--config', await configFile(t, stdout)]);
  assert.equal(again.code, 0, again.stderr);
});

test('components, schema and version say what there is', async (t) => {
  const [list, schema, reference, version] = await Promise.all([
    remoraCommand(t, ['components']),
    remoraCommand(t, ['schema']),
    remoraCommand(t, ['schema', '--format', 'markdown']),
    remoraCommand(t, ['version']),
  ]);
  const types = Object.values(components)
    .flat()
    .map(({ type }: { readonly type: string }) => type);
  for (const type of types) {
    assert.match(list.stdout, new RegExp(`^  ${type}\\b`, 'm'));
    assert.match(reference.stdout, new RegExp(`\\b${type}\\b`));
  }
  // More than a pipe takes at once: all of it must come out before the process ends.
  assert.ok(schema.stdout.length > 128 * 1024);
  const parsed = JSON.parse(schema.stdout) as { $defs: Record<string, unknown> };
  assert.ok('receivers.otlp' in parsed.$defs);
  assert.match(version.stdout, /^remora \d+\.\d+\.\d+ /);
  for (const { code, stderr } of [list, schema, reference, version]) assert.deepEqual([code, stderr], [0, '']);
});

const COMMANDS = ['run', 'validate', 'print-config', 'components', 'schema', 'healthcheck', 'version'];

test('help names every command, and each command has its own', async (t) => {
  const help = await remoraCommand(t, ['--help']);
  assert.equal(help.code, 0);
  for (const command of COMMANDS) assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
  const own = await Promise.all(COMMANDS.map((command) => remoraCommand(t, [command, '--help'])));
  for (const [at, { code, stdout }] of own.entries()) {
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`usage: remora ${COMMANDS[at]}`));
  }
});

async function refused(t: Test, args: readonly string[], says: RegExp): Promise<void> {
  const { code, stderr, stdout } = await remoraCommand(t, args);
  assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
  assert.match(stderr, says);
  assert.equal(stdout, '');
}

test('wrong usage is exit code 2 and says what would be right', async (t) => {
  await Promise.all([
    refused(t, ['bogus'], /Unknown command "bogus"\. Try: run, validate/),
    refused(t, [], /--config/),
    refused(t, ['run'], /--config/),
    refused(t, ['validate', '--confg', 'x'], /--confg/),
    refused(t, ['validate', '--config', '/no/such/file.yaml'], /\/no\/such\/file\.yaml/),
  ]);
});

test('healthcheck is 0 while Remora runs and 1 when nothing answers', async (t) => {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}/`;
  assert.equal((await remoraCommand(t, ['healthcheck', '--endpoint', endpoint])).code, 1);
  const remora = await startRemora(t, {
    configs: [
      VALID.replace(
        'service: {',
        `extensions: { health_check: { endpoint: '127.0.0.1:${port}' } }\nservice: { extensions: [health_check], telemetry: { metrics: { level: none } },`,
      ),
    ],
    env: { TOKEN: 'canary-one' },
  });
  assert.equal((await remoraCommand(t, ['healthcheck', '--endpoint', endpoint])).code, 0);
  const ended = await remora.stop();
  assert.equal(ended.code, 0);
  assert.doesNotMatch(ended.stderr, /canary/);
  assert.equal((await remoraCommand(t, ['healthcheck', '--endpoint', endpoint])).code, 1);
});
