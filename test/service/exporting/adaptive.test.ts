import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Batch } from '../../../src/core/batch.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { opaqueBatch } from '../../support/batches.ts';
import { senderRig } from '../../support/sender.ts';
import { SimulatedUpstream, type SimulatedUpstreamOptions } from '../../support/simulated-upstream.ts';

/**
 * Senders that always have something to send, over an upstream of a known capacity, on virtual time.
 * `ADAPTIVE=print` measures longer and prints what came out.
 */
const PRINT = process.env['ADAPTIVE'] === 'print';
const SECONDS = PRINT ? 100 : 40;
const LABELS = { exporter: 'otlp', data_type: 'logs' };
const SERVICE_MS = 200;

type Service = (random: () => number) => number;
const constant: Service = () => SERVICE_MS;
const uniform: Service = (random) => SERVICE_MS * (0.1 + 1.8 * random());
/** The standard deviation is as large as the mean. */
const exponential: Service = (random) => -SERVICE_MS * Math.log(1 - random());

interface Scene {
  readonly clock: VirtualClock;
  readonly upstream: SimulatedUpstream;
}

function scene(service: Service, options: Partial<SimulatedUpstreamOptions> & { workers: number }): Scene {
  const clock = new VirtualClock();
  const random = seededRandom('service');
  return { clock, upstream: new SimulatedUpstream({ clock, serviceMs: () => service(random), ...options }) };
}

interface Instance {
  /** Requests of this one that were served. */
  served: number;
  limit(): number;
  /** Fills the queue up. */
  feed(): Promise<void>;
}

interface InstanceOptions {
  readonly seed?: string;
  readonly consumers?: number;
  readonly adaptive?: { enabled?: boolean; initial?: number };
  readonly makeBatch?: () => Batch;
}

async function instance({ clock, upstream }: Scene, options: InstanceOptions = {}): Promise<Instance> {
  const { seed = 'one', consumers = 10, adaptive = {}, makeBatch = () => opaqueBatch(1) } = options;
  const settings = {
    timeout: '30s',
    retry_on_failure: { max_elapsed_time: 0 },
    adaptive_concurrency: adaptive,
    sending_queue: { num_consumers: consumers, queue_size: 1000 },
  };
  const exporter = upstream.client(() => void (one.served += 1));
  const rig = senderRig(settings, { clock, exporter, random: seededRandom(seed) });
  const one: Instance = {
    served: 0,
    limit: () => rig.meter.value('remora_exporter_concurrency_limit', LABELS) ?? consumers,
    async feed() {
      while ((rig.sender.queue?.requests ?? 0) < 400) await rig.consumer.consume(makeBatch(), rig.caller.signal);
    },
  };
  await rig.sender.start();
  return one;
}

type Measured = {
  readonly perSecond: number;
  readonly meanLimit: number;
  /** How long a request took from its attempt to its answer, by Little's law. */
  readonly meanMs: number;
};

/** Runs for `seconds`, and measures. */
async function run({ clock, upstream }: Scene, instances: readonly Instance[], seconds: number): Promise<Measured> {
  const before = upstream.served;
  let limits = 0;
  let present = 0;
  const steps = seconds * 5;
  for (let step = 0; step < steps; step++) {
    for (const one of instances) await one.feed();
    await clock.advance(200);
    for (const one of instances) limits += one.limit();
    present += upstream.waiting + upstream.busy;
  }
  const perSecond = (upstream.served - before) / seconds;
  return { perSecond, meanLimit: limits / steps / instances.length, meanMs: (1000 * present) / steps / perSecond };
}

function show(what: string, measured: Readonly<Record<string, number>>): void {
  if (!PRINT) return;
  const figures = Object.entries(measured).map(([name, value]) => `${name} ${round(value)}`);
  console.log(`${what}: ${figures.join(', ')}`);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** 1 when all have the same share, 1/n when one has it all. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  return sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0));
}

describe('adaptive concurrency', () => {
  const services = { constant, uniform, exponential };
  for (const [name, service] of Object.entries(services)) {
    for (const { workers, consumers } of [
      { workers: 4, consumers: 10 },
      { workers: 20, consumers: 100 },
    ]) {
      it(`finds the ${workers} workers of an upstream with ${consumers} consumers and keeps its line short (${name})`, async () => {
        const at = scene(service, { workers });
        const one = await instance(at, { consumers });
        await run(at, [one], 20);
        const measured = await run(at, [one], SECONDS);
        show(`${workers} workers, ${consumers} consumers, ${name}`, measured);
        const capacity = (workers * 1000) / SERVICE_MS;
        assert.ok(measured.perSecond > 0.85 * capacity, `${measured.perSecond} of ${capacity} a second`);
        assert.ok(measured.meanLimit < 2 * workers, `the limit was ${measured.meanLimit}`);
        assert.ok(measured.meanMs < 2.1 * SERVICE_MS, `a request took ${measured.meanMs} ms`);
      });
    }

    it(`costs an upstream that bears all consumers nothing, however its answers vary (${name})`, async () => {
      const at = scene(service, { workers: 1000 });
      const one = await instance(at);
      await run(at, [one], 5);
      const measured = await run(at, [one], SECONDS);
      show(`no bound, 10 consumers, ${name}`, measured);
      assert.ok(measured.perSecond > 0.97 * 50, `${measured.perSecond} of 50 a second`);
    });

    it(`finds the capacity of an upstream that turns away what it cannot take (${name})`, async () => {
      const at = scene(service, { workers: 20, maxWaiting: 2 });
      const one = await instance(at, { consumers: 100 });
      await run(at, [one], 20);
      const measured = await run(at, [one], SECONDS);
      show(`20 workers and pushback, 100 consumers, ${name}`, measured);
      assert.ok(measured.perSecond > 0.85 * 100, `${measured.perSecond} of 100 a second`);
      assert.ok(measured.meanMs < 1.3 * SERVICE_MS);
    });
  }

  it('takes no large request for a slow upstream', async () => {
    const random = seededRandom('sizes');
    const clock = new VirtualClock();
    const upstream = new SimulatedUpstream({ clock, workers: 1000, serviceMs: ({ bytes }) => 60 + bytes / 100 });
    const at = { clock, upstream };
    // From 1 to 300 KB: from 70 ms to 3 s.
    const one = await instance(at, { makeBatch: () => opaqueBatch(1, Math.round(1000 * 300 ** random())) });
    await run(at, [one], 20);
    const measured = await run(at, [one], SECONDS);
    show('sizes of all kinds', measured);
    assert.ok(measured.meanLimit > 9.5, `the limit was ${measured.meanLimit}`);
  });

  it('is not fooled by an upstream that is slow and steady, nor for long by one that becomes so', async () => {
    const clock = new VirtualClock();
    let serviceMs = 3000;
    const upstream = new SimulatedUpstream({ clock, workers: 1000, serviceMs: () => serviceMs });
    const at = { clock, upstream };
    const one = await instance(at);
    await run(at, [one], 60);
    assert.equal(one.limit(), 10);
    serviceMs = 9000;
    // 60 round trips.
    await run(at, [one], 60 * 9);
    show('three times as slow from now on', { limit: one.limit() });
    assert.ok(one.limit() >= 9, `the limit is ${one.limit()}`);
  });

  it('is back at nine tenths within seven round trips after an outage', async () => {
    const at = scene(constant, { workers: 1000 });
    const one = await instance(at, { consumers: 40 });
    await run(at, [one], 20);
    assert.equal(one.limit(), 40);
    at.upstream.mode = 'refuses';
    await run(at, [one], 120);
    at.upstream.mode = 'up';
    const before = at.upstream.served;
    while (at.upstream.served === before) await at.clock.advance(1);
    // The probe was answered.
    let roundTrips = 0;
    while (one.limit() < 36) {
      await at.clock.advance(SERVICE_MS);
      await one.feed();
      roundTrips += 1;
    }
    show('after an outage', { roundTrips });
    assert.ok(roundTrips <= 7, `it took ${roundTrips} round trips`);
  });

  it('is not held up by attempts that still hang from before the outage', async () => {
    const at = scene(constant, { workers: 1000 });
    const one = await instance(at, { consumers: 10 });
    await run(at, [one], 20);
    at.upstream.mode = 'hangs';
    await run(at, [one], 60);
    at.upstream.mode = 'up';
    // The probe that hangs times out after 30 s, the next comes within 30 s.
    await run(at, [one], 62);
    const measured = await run(at, [one], 5);
    assert.ok(measured.perSecond > 45, `${measured.perSecond} a second`);
  });

  it('shares with another instance that comes later', async () => {
    for (const service of [constant, exponential]) {
      const at = scene(service, { workers: 20 });
      const first = await instance(at, { consumers: 50, seed: 'first' });
      await run(at, [first], 30);
      const second = await instance(at, { consumers: 50, seed: 'second' });
      await run(at, [first, second], 60);
      const before = [first.served, second.served];
      const measured = await run(at, [first, second], 2 * SECONDS);
      const shares = [first.served - (before[0] ?? 0), second.served - (before[1] ?? 0)];
      show('two instances', { ...measured, jain: jain(shares) });
      assert.ok(jain(shares) > 0.85, `the shares are ${shares.join(' and ')}`);
      assert.ok(measured.perSecond > 85);
      assert.ok(measured.meanMs < 3 * SERVICE_MS, `a request took ${measured.meanMs} ms`);
    }
  });

  it('without it, all consumers are always in flight', async () => {
    const at = scene(constant, { workers: 4 });
    const one = await instance(at, { consumers: 100, adaptive: { enabled: false } });
    await run(at, [one], 20);
    const measured = await run(at, [one], 60);
    show('4 workers, 100 consumers, off', measured);
    assert.ok(measured.meanMs > 20 * SERVICE_MS);
  });
});
