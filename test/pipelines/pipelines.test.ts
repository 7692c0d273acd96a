import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.ts';
import { ledgerOf, metricsOn, metricsPage, remoraCommand, startRemora, temporaryDirectory } from '../support/remora.ts';

/** Every file people are given to start from runs as it is; only ports and directories are this test's own. */
const FOLDER = fileURLToPath(new URL('../../pipelines', import.meta.url));

interface Places {
  readonly directory: string;
  readonly ports: readonly number[];
}

interface Overrides {
  readonly sets?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const at = ({ ports }: Places, index: number): number => ports[index] ?? 0;

const OVERRIDES: Readonly<Record<string, (places: Places) => Overrides>> = {
  'default.yaml': (places) => ({
    sets: [
      `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${at(places, 0)}`,
      `receivers.otlp.protocols.http.endpoint=127.0.0.1:${at(places, 1)}`,
      `receivers.filelog.include=[${places.directory}/*.log]`,
      `exporters.file.path=${places.directory}/out/telemetry.jsonl`,
      metricsOn(at(places, 2)),
    ],
  }),
  'collector.yaml': (places) => ({
    env: { STATE_DIR: join(places.directory, 'state') },
    sets: [
      `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${at(places, 0)}`,
      `receivers.otlp.protocols.http.endpoint=127.0.0.1:${at(places, 1)}`,
      `receivers.filelog.include=[${places.directory}/*.log]`,
      `receivers.prometheus.config.scrape_configs=[{ job_name: app, scrape_interval: ${NEVER}, static_configs: [{ targets: ['127.0.0.1:9464'] }] }]`,
      metricsOn(at(places, 2)),
    ],
  }),
  'sidecar.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      LOG_DIR: places.directory,
      STATE_DIR: join(places.directory, 'state'),
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'cardinality.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
      ADMIN_PORT: '0',
    },
  }),
  'adaptive-sampling.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      LOG_DIR: places.directory,
      STATE_DIR: join(places.directory, 'state'),
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'tail-sampling.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      LOG_DIR: places.directory,
      STATE_DIR: join(places.directory, 'state'),
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'durable.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      LOG_DIR: places.directory,
      STATE_DIR: join(places.directory, 'state'),
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'head-sampling.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'span-metrics.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      METRICS_UPSTREAM: `http://127.0.0.1:${at(places, 4)}`,
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'temporality.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      TOTALS_UPSTREAM: `http://127.0.0.1:${at(places, 4)}`,
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'metrics-transform.yaml': (places) => ({
    env: {
      UPSTREAM_INSECURE: 'true',
      UPSTREAM: `127.0.0.1:${at(places, 4)}`,
      OTLP_GRPC_PORT: `${at(places, 0)}`,
      OTLP_HTTP_PORT: `${at(places, 1)}`,
      METRICS_PORT: `${at(places, 2)}`,
    },
  }),
  'game-day.yaml': (places) => ({
    env: { UPSTREAM_INSECURE: 'true', UPSTREAM: `127.0.0.1:${at(places, 4)}` },
    sets: [
      `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${at(places, 0)}`,
      `receivers.otlp.protocols.http.endpoint=127.0.0.1:${at(places, 1)}`,
      'extensions.admin.endpoint=127.0.0.1:0',
      metricsOn(at(places, 2)),
    ],
  }),
  'upstream.yaml': (places) => ({
    env: {
      UPSTREAM_FILE: join(places.directory, 'out', 'upstream.jsonl'),
      UPSTREAM_GRPC_PORT: `${at(places, 0)}`,
      UPSTREAM_HTTP_PORT: `${at(places, 1)}`,
      UPSTREAM_METRICS_PORT: `${at(places, 2)}`,
    },
  }),
};

/** No scrape falls into a test: what it brings would wait for an upstream that is not there. */
const NEVER = '10000h';

const EMPTY_BUT_VALID = {
  traces: JSON.stringify({ resourceSpans: [] }),
  metrics: JSON.stringify({ resourceMetrics: [] }),
  logs: JSON.stringify({ resourceLogs: [] }),
};

for (const file of readdirSync(FOLDER).filter((name) => /\.ya?ml$/.test(name))) {
  const path = join(FOLDER, file);

  test(`${file} is valid as it stands`, async (t) => {
    const directory = await temporaryDirectory(t);
    const ended = await remoraCommand(t, ['validate', '--config', path], { STATE_DIR: directory });
    assert.equal(ended.code, 0, ended.stderr);
    assert.doesNotMatch(ended.stderr, /error|warning/);
  });

  test(`${file} starts, answers to every signal, and stops with exit code 0 and a closed ledger`, async (t) => {
    const override = OVERRIDES[basename(path)];
    assert.ok(override, 'Say here how this file is moved to free ports and directories.');
    const directory = await temporaryDirectory(t);
    const ports = await Promise.all(Array.from({ length: 5 }, freePort));
    const { sets = [], env = {} } = override({ directory, ports });
    const health = file === 'upstream.yaml' ? undefined : ports[3];
    const healthSets = health === undefined ? [] : [`extensions.health_check.endpoint=127.0.0.1:${health}`];
    const remora = await startRemora(t, {
      configs: [path],
      sets: [...sets, ...healthSets],
      env: { SCRAPE_INTERVAL: NEVER, ...env },
    });
    if (health !== undefined) {
      const answer = await fetch(`http://127.0.0.1:${health}/`);
      assert.equal(answer.status, 200);
      const url = `http://127.0.0.1:${health}/`;
      assert.equal((await remoraCommand(t, ['healthcheck', '--endpoint', url])).code, 0);
    }
    for (const [signal, body] of Object.entries(EMPTY_BUT_VALID)) {
      const posted = await fetch(`http://127.0.0.1:${ports[1]}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      assert.equal(posted.status, 200, `${signal}: ${await posted.text()}`);
    }
    assert.ok(((await metricsPage(ports[2] ?? 0)).value('otelcol_process_memory_rss') ?? 0) > 1e7);
    const ended = await remora.stop();
    assert.equal(ended.code, 0, ended.stderr);
    assert.ok(ledgerOf(ended).closed, ended.stderr);
    assert.doesNotMatch(ended.stderr, / ERROR /);
  });
}
