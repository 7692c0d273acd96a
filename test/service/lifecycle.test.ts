import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import type { Component } from '../../src/core/component.ts';
import type { Graph } from '../../src/service/graph.ts';
import { startGraph, stopGraph } from '../../src/service/lifecycle.ts';
import { TestLogger } from '../support/sender.ts';

const TIMEOUT_MS = 25_000;
const GRACE_MS = 1000;

/** A graph of components that note when they were told to stop, and when their deadline fired. */
class Bench {
  readonly clock = new VirtualClock();
  readonly log = new TestLogger();
  readonly events: string[] = [];
  readonly hurry = new AbortController();
  stoppedAtMs: number | undefined;
  #gaveUp = false;

  readonly prompt = (name: string): Component => ({
    stop: () => {
      this.#note(`stop ${name}`);
      return Promise.resolve();
    },
  });

  /** Never stops, whatever its deadline says. */
  readonly hung = (name: string): Component => ({
    stop: (deadline) => {
      this.#note(`stop ${name}`);
      deadline.addEventListener('abort', () => this.#note(`deadline of ${name}`));
      return new Promise(() => undefined);
    },
  });

  /** Stops as soon as its deadline fires. */
  readonly late = (name: string): Component => ({
    stop: (deadline) => {
      this.#note(`stop ${name}`);
      return new Promise((resolve) => {
        const end = (): void => {
          this.#note(`deadline of ${name}`);
          resolve();
        };
        if (deadline.aborted) end();
        else deadline.addEventListener('abort', end);
      });
    },
  });

  stop(parts: Partial<Record<'receivers' | 'senders' | 'exporters' | 'extensions', Component[]>> & Pipelines): void {
    const graph: Graph = {
      receivers: named('receiver', parts.receivers),
      levels: [
        {
          processors: (parts.processors ?? []).map((pipeline) => named('processor', pipeline)),
          connectors: named('connector', parts.connectors),
        },
        { processors: (parts.behind ?? []).map((pipeline) => named('processor behind', pipeline)), connectors: [] },
      ],
      senders: named('sender', parts.senders),
      exporters: named('exporter', parts.exporters),
      extensions: named('extension', parts.extensions),
    };
    const { clock, log } = this;
    const onGiveUp = (): void => {
      if (!this.#gaveUp) this.#note('give up');
      this.#gaveUp = true;
    };
    void stopGraph(graph, { clock, log, timeoutMs: TIMEOUT_MS, hurry: this.hurry.signal, onGiveUp }).then(
      () => (this.stoppedAtMs = clock.monotonic()),
    );
  }

  #note(what: string): void {
    this.events.push(`${Math.round(this.clock.monotonic())} ${what}`);
  }
}

interface Pipelines {
  readonly processors?: readonly Component[][];
  readonly connectors?: readonly Component[];
  /** Processors of the pipelines behind the connectors. */
  readonly behind?: readonly Component[][];
}

function named(kind: string, components: readonly Component[] = []) {
  return components.map((instance, at) => ({ name: `${kind} ${at}`, instance }));
}

test('a stop in which nothing waits takes no time and leaves no timer', async () => {
  const bench = new Bench();
  const { prompt } = bench;
  bench.stop({
    receivers: [prompt('r')],
    processors: [[prompt('p')]],
    senders: [prompt('s')],
    exporters: [prompt('e')],
  });
  await bench.clock.advance(0);
  assert.equal(bench.stoppedAtMs, 0);
  assert.equal(bench.clock.pending, 0);
  assert.deepEqual(bench.events, ['0 stop r', '0 stop p', '0 give up', '0 stop s', '0 stop e']);
});

test('receivers that hang in stop cost a third of the time, and the rest is still stopped in order', async () => {
  const bench = new Bench();
  const { hung, prompt } = bench;
  bench.stop({ receivers: [hung('r0'), hung('r1')], senders: [prompt('s')], exporters: [prompt('e')] });
  await bench.clock.advance(TIMEOUT_MS + GRACE_MS);
  assert.ok(bench.stoppedAtMs !== undefined && bench.stoppedAtMs < TIMEOUT_MS / 2);
  assert.deepEqual(
    bench.events.map((event) => event.replace(/^\d+ /, '')),
    ['stop r0', 'stop r1', 'give up', 'deadline of r0', 'deadline of r1', 'stop s', 'stop e'],
  );
  assert.equal(bench.log.lines.filter((line) => line.startsWith('ERROR')).length, 2);
  assert.equal(bench.clock.pending, 0);
});

test('senders that hang in stop leave the exporters time to close', async () => {
  const bench = new Bench();
  bench.stop({ senders: [bench.hung('s')], exporters: [bench.late('e')] });
  await bench.clock.advance(TIMEOUT_MS + GRACE_MS);
  assert.ok(bench.stoppedAtMs !== undefined && bench.stoppedAtMs <= TIMEOUT_MS + GRACE_MS);
  assert.ok(bench.events.includes('25000 deadline of e'));
});

test('when everything hangs the stop still ends within the timeout and a second of grace', async () => {
  const bench = new Bench();
  const { hung } = bench;
  bench.stop({
    receivers: [hung('r')],
    processors: [
      [hung('a0'), hung('a1'), hung('a2')],
      [hung('b0'), hung('b1')],
    ],
    senders: [hung('s')],
    exporters: [hung('e')],
    extensions: [hung('x0'), hung('x1'), hung('x2'), hung('x3')],
  });
  await bench.clock.advance(TIMEOUT_MS + GRACE_MS);
  assert.ok(bench.stoppedAtMs !== undefined, 'the stop is still under way');
  assert.equal(bench.clock.pending, 0);
});

test('a request to hurry ends a stop in which everything hangs within a second', async () => {
  const bench = new Bench();
  const { hung } = bench;
  bench.stop({
    receivers: [hung('r')],
    processors: [[hung('a0'), hung('a1'), hung('a2')]],
    senders: [hung('s')],
    exporters: [hung('e')],
    extensions: [hung('x0'), hung('x1')],
  });
  await bench.clock.advance(2000);
  bench.hurry.abort();
  await bench.clock.advance(GRACE_MS);
  assert.ok(bench.stoppedAtMs !== undefined, 'the stop is still under way');
});

test('what fan-outs still owe is given up when a deadline passes, not before processors had their time', async () => {
  const bench = new Bench();
  bench.stop({ receivers: [bench.prompt('r')], processors: [[bench.late('p')]], senders: [bench.prompt('s')] });
  await bench.clock.advance(TIMEOUT_MS + GRACE_MS);
  assert.deepEqual(bench.events, ['0 stop r', '0 stop p', '12500 give up', '12500 deadline of p', '12500 stop s']);
});

test('a component that throws in stop is named and does not keep the others from stopping', async () => {
  const bench = new Bench();
  bench.stop({ receivers: [{ stop: () => Promise.reject(new Error('Boom.')) }], senders: [bench.prompt('s')] });
  await bench.clock.advance(0);
  assert.deepEqual(bench.log.lines, ['ERROR A component failed to stop.']);
  assert.equal(bench.stoppedAtMs, 0);
});

test('a stop that comes while components start lets no further one start', async () => {
  const started: string[] = [];
  const stopping = new AbortController();
  const first = Promise.withResolvers<undefined>();
  const graph: Graph = {
    extensions: [],
    exporters: named('exporter', [{ start: () => first.promise }]),
    senders: [],
    levels: [],
    receivers: named('receiver', [{ start: () => Promise.resolve(void started.push('receiver')) }]),
  };
  const start = startGraph(graph, { stopping: stopping.signal, onStarted: () => undefined });
  stopping.abort();
  first.resolve(undefined);
  await assert.rejects(start, { code: 'shutting_down' });
  assert.deepEqual(started, []);
});

test('a connector stops after the pipelines that give to it and before those that it gives to', async () => {
  const bench = new Bench();
  bench.stop({
    receivers: [bench.prompt('receiver')],
    processors: [[bench.prompt('first'), bench.prompt('second')], [bench.prompt('other')]],
    connectors: [bench.prompt('connector')],
    behind: [[bench.prompt('behind')]],
    senders: [bench.prompt('sender')],
  });
  await bench.clock.advance(1);
  assert.deepEqual(bench.events, [
    '0 stop receiver',
    '0 stop first',
    '0 stop other',
    '0 stop second',
    '0 stop connector',
    '0 stop behind',
    '0 give up',
    '0 stop sender',
  ]);
});

test('a connector starts after what it gives to and before what gives to it', async () => {
  const started: string[] = [];
  const starting = (name: string): Component => ({ start: () => Promise.resolve(void started.push(name)) });
  const graph: Graph = {
    extensions: [],
    exporters: named('exporter', [starting('exporter')]),
    senders: named('sender', [starting('sender')]),
    levels: [
      {
        processors: [named('a', [starting('first'), starting('second')])],
        connectors: named('b', [starting('connector')]),
      },
      { processors: [named('c', [starting('behind')])], connectors: [] },
    ],
    receivers: named('receiver', [starting('receiver')]),
  };
  await startGraph(graph, { stopping: new AbortController().signal, onStarted: () => undefined });
  assert.deepEqual(started, ['exporter', 'sender', 'behind', 'connector', 'second', 'first', 'receiver']);
});
