import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { components } from '../../src/components.ts';
import { SECTIONS, type Section } from '../../src/config/catalog.ts';
import { loadPlan } from '../../src/config/plan.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { isRecord } from '../../src/config/records.ts';
import { readPrices } from '../../src/replay/effect/prices.ts';
import { readManifest } from '../../src/replay/fixture/manifest.ts';
import { edgeMetrics } from '../../src/service/edge-metrics.ts';
import { senderMetrics } from '../../src/service/exporting/sender-metrics.ts';
import { throttleMetrics } from '../../src/service/exporting/throttle.ts';
import { budgetMetrics } from '../../src/service/memory-shares.ts';
import { overloadMetrics } from '../../src/service/overload/metrics.ts';
import { registryMetrics } from '../../src/telemetry/registry-metrics.ts';
import { processMetrics } from '../../src/service/process-metrics.ts';
import { anchorsOf, blocksOf, documents, repositoryFiles, ROOT, textOf, type Block } from './documents.ts';

const README = 'README.md';

async function problemsIn(t: TestContext, name: string, text: string): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'remora-docs-'));
  t.after(() => rm(directory, { recursive: true }));
  const env = { UPSTREAM: 'collector.example:4317', TOKEN: 'canary', STATE_DIR: directory };
  // Directories that the pages name may not exist on this machine; what is checked is the configuration.
  const here = text.replaceAll(/(directory: )\/\S+/g, `$1${directory}`);
  const readFile = (): Promise<string> => Promise.resolve(here);
  const loaded = await loadPlan({ configs: [name], sets: [], env, catalog: components, readFile });
  return [...(loaded.ok ? [] : loaded.problems), ...loaded.warnings].map(formatProblem);
}

/** A block that begins with `# fragment of exporters`, perhaps `for traces`, stands under that key of a whole configuration. */
function wholeOf({ text }: Block): string {
  const [, section, signal = 'logs'] = /^# fragment of (\w+)(?: for (\w+))?/.exec(text) ?? [];
  if (section === undefined) return text;
  const indented = text.replaceAll(/^/gm, '  ');
  const others: Record<string, string> = {
    receivers: 'receivers: {otlp: {protocols: {http: }}}\n',
    exporters: 'exporters: {debug: }\n',
  };
  const stored = section !== 'extensions' && text.includes('storage: file_storage');
  if (stored) others['extensions'] = `extensions: {file_storage: {directory: ${JSON.stringify(tmpdir())}}}\n`;
  const fragment: unknown = parse(text);
  const used = isRecord(fragment) ? Object.keys(fragment) : [];
  const of = (role: string, fallback: string[]): string => JSON.stringify(section === role ? used : fallback);
  const rest = Object.entries(others).flatMap(([key, value]) => (key === section ? [] : [value]));
  const pipeline = `{receivers: ${of('receivers', ['otlp'])}, processors: ${of('processors', [])}, exporters: ${of('exporters', ['debug'])}}`;
  const service = `service: {extensions: ${of('extensions', stored ? ['file_storage'] : [])}, pipelines: {${signal}: ${pipeline}}}\n`;
  return `${section}:\n${indented}\n${rest.join('')}${service}`;
}

async function yamlBlocks(): Promise<Block[]> {
  const pages = await Promise.all(documents().map(async (path) => blocksOf(path, await textOf(path))));
  return pages.flat().filter(({ language }) => language === 'yaml');
}

test('every configuration in the pages is valid and gives no warning', async (t) => {
  const others = /^# (Kubernetes|GitHub Actions|manifest of a fixture|prices)/;
  const blocks = (await yamlBlocks()).filter(({ text }) => !others.test(text));
  assert.ok(blocks.length > 0);
  for (const block of blocks) {
    const place = `${block.path}:${block.line}`;
    assert.deepEqual(await problemsIn(t, place, wholeOf(block)), [], place);
  }
});

test('every manifest of a fixture in the pages is valid', async (t) => {
  const blocks = (await yamlBlocks()).filter(({ text }) => text.startsWith('# manifest of a fixture'));
  assert.ok(blocks.length > 0);
  for (const { text } of blocks) {
    const folder = await mkdtemp(join(tmpdir(), 'remora-docs-'));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'manifest.yaml'), text);
    await assert.doesNotReject(readManifest(folder));
  }
});

test('every list of prices in the pages is valid', async () => {
  const blocks = (await yamlBlocks()).filter(({ text }) => text.startsWith('# prices'));
  assert.ok(blocks.length > 0);
  for (const { text } of blocks) await assert.doesNotReject(readPrices(`yaml:${text}`));
});

test('every file in pipelines/ is valid with its defaults', async (t) => {
  const files = repositoryFiles().filter((path) => /^pipelines\/.*\.yaml$/.test(path));
  assert.ok(files.length >= 4);
  for (const path of files) assert.deepEqual(await problemsIn(t, path, await textOf(path)), [], path);
});

for (const [page, pipeline] of [
  [README, 'pipelines/sidecar.yaml'],
  ['docs/queues.md', 'pipelines/durable.yaml'],
] as const) {
  test(`the pod in ${page} sets only variables that ${pipeline} reads, and probes its health port`, async () => {
    const block = (await yamlBlocks()).find(({ path, text }) => path === page && text.startsWith('# Kubernetes'));
    assert.ok(block !== undefined);
    const pod: unknown = parse(block.text);
    const names = [...block.text.matchAll(/name: ([A-Z_]+)/g)].map(([, name = '']) => name);
    assert.ok(isRecord(pod) && names.length >= 1);
    const config = await textOf(pipeline);
    for (const name of names) assert.ok(config.includes(`\${env:${name}`), name);
    const ports = [...block.text.matchAll(/port: (\d+)/g)].map(([, port = '']) => port);
    for (const port of ports) assert.ok(config.includes(`:-${port}}`), port);
    for (const [, path = ''] of block.text.matchAll(/mountPath: (\S+?)[, ]/g)) assert.ok(config.includes(path), path);
  });
}

test('every npm command in README exists', async () => {
  const manifest: unknown = JSON.parse(await textOf('package.json'));
  assert.ok(isRecord(manifest) && isRecord(manifest['scripts']));
  const builtIn = new Set(['ci']);
  const commands = [...(await textOf(README)).matchAll(/\bnpm (?:run )?(?:-s )?([a-z]+)\b/g)].map(
    ([, name = '']) => name,
  );
  assert.ok(commands.includes('start') && commands.includes('demo'));
  const prose = new Set(['and', 'script']);
  for (const name of commands) {
    if (!builtIn.has(name) && !prose.has(name)) assert.ok(Object.hasOwn(manifest['scripts'], name), `npm run ${name}`);
  }
});

test('every remora command in README exists and explains itself', async () => {
  const readme = await textOf(README);
  const commands = new Set([...readme.matchAll(/`remora ([a-z-]+)/g)].map(([, name = '']) => name));
  assert.ok(commands.size >= 8);
  for (const name of commands) {
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), name, '--help'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, name);
    assert.match(stdout, new RegExp(`^.+\n\nusage: remora ${name}`), name);
  }
});

test('every command of the command line stands in README', async () => {
  const readme = await textOf(README);
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), '--help'], { encoding: 'utf8' });
  const commands = [...stdout.matchAll(/^ {2}([a-z-]+) {2,}/gm)].map(([, name = '']) => name);
  assert.ok(commands.length >= 8);
  for (const name of commands) assert.ok(readme.includes(`\`remora ${name}`), name);
});

test('relative links and anchors of the pages lead somewhere', async () => {
  for (const path of documents()) {
    const text = (await textOf(path)).replaceAll(/^```.*?^```$/gms, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const to = file === '' ? path : join(dirname(path), file);
      assert.ok(existsSync(join(ROOT, to)), `${path} links to ${target}`);
      if (anchor !== undefined) assert.ok(anchorsOf(await textOf(to)).has(anchor), `${path} links to ${target}`);
    }
  }
});

test('every metric that README names is declared', async () => {
  const ofComponents = SECTIONS.flatMap((section: Section) => components[section].flatMap(({ metrics }) => metrics));
  const all = [
    ...edgeMetrics,
    ...processMetrics,
    ...budgetMetrics,
    ...overloadMetrics,
    ...senderMetrics,
    ...throttleMetrics,
    ...ofComponents,
    ...registryMetrics,
  ];
  const declared = new Set(all.map(({ name }) => name));
  const named = [...(await textOf(README)).matchAll(/\b(?:otelcol|remora)_[a-z_]*[a-z]/g)].map(([name]) => name);
  assert.ok(named.length > 20);
  for (const name of named) assert.ok(declared.has(name.replace(/_total$/, '')), name);
});

test('no text of the repository names an absolute path of a machine', async () => {
  // The names are put together here so that this file does not name them.
  const places = ['ho' + 'me', 'Us' + 'ers', 'ro' + 'ot', 'wo' + 'rk'].join('|');
  const machinePath = new RegExp(`(?<![\\w.~*{}$-])/(?:${places})/[a-z]|[A-Z]:\\\\+(?:${places})`);
  for (const path of repositoryFiles()) {
    if (!/\.(?:ts|md|ya?ml|json|txt)$|^(?:Dockerfile|\.\w+|\.ci\/.*)$/.test(path)) continue;
    const lines = (await textOf(path)).split('\n');
    const at = lines.findIndex((line) => machinePath.test(line));
    assert.equal(at, -1, `${path}:${at + 1}: ${lines[at] ?? ''}`);
  }
});

test('advice in messages names only commands that exist', async () => {
  const { stdout } = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), '--help'], { encoding: 'utf8' });
  const sources = repositoryFiles().filter((path) => /^(?:src|docs|pipelines)\/.*\.(?:ts|md|yaml)$/.test(path));
  for (const path of sources) {
    for (const [, name = ''] of (await textOf(path)).matchAll(/`remora ([a-z-]+)/g)) {
      assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'), `${path} names remora ${name}`);
    }
  }
});
