import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runFleet, type FleetOptions, type FleetReport } from './fleet.ts';

/**
 * What a fleet does to an upstream that goes away for five minutes and returns. `FLEET=1000` prints the figures of
 * docs/decisions/0014-upstream-care.md; all policies meet the same applications.
 */
const INSTANCES = Number(process.env['FLEET'] ?? 40);
const ALL = process.env['FLEET'] !== undefined;

const ours: FleetOptions['settings'] = { timeout: '5s', retry_on_failure: { max_elapsed_time: 0 } };
const POLICIES: Readonly<Record<string, FleetOptions['settings']>> = {
  ours,
  'without circuit breaker': { ...ours, circuit_breaker: { enabled: false } },
  'without both': { ...ours, circuit_breaker: { enabled: false }, adaptive_concurrency: { enabled: false } },
  'as the Collector': {
    timeout: '5s',
    retry_on_failure: { max_elapsed_time: 0, randomization_factor: 0.5 },
    circuit_breaker: { enabled: false },
    adaptive_concurrency: { enabled: false },
  },
};

type Outage = Omit<FleetOptions, 'instances' | 'settings'>;
const OUTAGES: Readonly<Record<string, Outage>> = {
  '503': { away: 'refuses', askedMs: undefined },
  '503 with Retry-After: 10': { away: 'refuses', askedMs: 10_000 },
  hangs: { away: 'hangs', askedMs: undefined },
  'refuses, then turns nobody away': { away: 'refuses', askedMs: undefined, endlessLine: true },
};

let isFirst = true;
function print(outage: string, policy: string, report: FleetReport): void {
  if (!ALL) return;
  const cells = Object.values(report).map((value: number) => value.toFixed(Math.abs(value) >= 100 ? 0 : 2));
  if (isFirst) console.log(`| outage | policy | ${Object.keys(report).join(' | ')} |`);
  isFirst = false;
  console.log(`| ${outage} | ${policy} | ${cells.join(' | ')} |`);
}

async function reportOf(policy: string, outage: string): Promise<FleetReport> {
  const [settings, options] = [POLICIES[policy], OUTAGES[outage]];
  assert.ok(settings && options);
  const report = await runFleet({ instances: INSTANCES, settings, ...options });
  print(outage, policy, report);
  assert.equal(report.imbalance, 0);
  assert.equal(report.lost, 0);
  return report;
}

describe('a fleet whose upstream goes away for five minutes and returns', () => {
  for (const outage of Object.keys(OUTAGES)) {
    it(`asks little, spread out, and brings its backlog without a second collapse (${outage})`, async () => {
      const ours = await reportOf('ours', outage);
      assert.ok(ours.awayPerSecond < 0.09 * INSTANCES, `${ours.awayPerSecond} attempts a second`);
      // About as many as chance would have it, if nobody knew of anybody.
      const chance = ours.awayMean + 8 * Math.sqrt(ours.awayMean) + 2;
      assert.ok(ours.awayPeak <= chance, `${ours.awayPeak} attempts in 100 ms, ${ours.awayMean} on average`);
      assert.ok(ours.firstPeakOverCapacity < 3, `the outage begins with ${ours.firstPeakOverCapacity}`);
      assert.ok(ours.backPeakOverCapacity < 5, `the return begins with ${ours.backPeakOverCapacity}`);
      assert.ok(ours.turnedAwayPerServed < 0.25, `${ours.turnedAwayPerServed} attempts in vain`);
      assert.ok(ours.wastedPerServed < 0.05, `${ours.wastedPerServed} served in vain`);
      assert.ok(ours.halfBusyAfterMs <= 5000);
      // Of a small fleet few are back at first.
      assert.ok(ours.worstGoodput > 0.75, `goodput fell to ${ours.worstGoodput}`);
      assert.ok(ours.overIdeal < 1.2, `the backlog took ${ours.overIdeal} times as long as it must`);
    });
  }

  it('would not do so without care: the Collector keeps an upstream that turns nobody away busy with what it gave up', async () => {
    const { overIdeal, wastedPerServed } = await reportOf('as the Collector', 'refuses, then turns nobody away');
    assert.ok(overIdeal > 1.5 || wastedPerServed > 0.5, `${overIdeal} times as long, ${wastedPerServed} in vain`);
  });

  for (const outage of ALL ? Object.keys(OUTAGES) : []) {
    for (const policy of Object.keys(POLICIES).slice(1)) {
      it(`${policy}, for comparison (${outage})`, async () => {
        await reportOf(policy, outage);
      });
    }
  }
});
