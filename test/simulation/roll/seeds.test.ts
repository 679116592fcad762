import { describe, expect, it } from 'vitest';
import { insist } from '../../support/roll-sim/people.ts';
import { crashFreeEnd, runSeed } from '../../support/roll-sim/run-seed.ts';
import { drawScenario } from '../../support/roll-sim/scenario.ts';
import { budget, RollWorld } from '../../support/roll-world.ts';

/** The same seeds every time: `npm run sim -- roll` and the soak draw fresh ones. */
const first = Number(process.env['SEED'] ?? 5000);
const seedsRun = 8;
/** Seeds that once found something which no smaller test shows as well. */
const onceFound: [number, string][] = [
  [950109, 'a termination whose answer was lost after a restart was sent again on a look from before it'],
  [940260, 'desired was raised for ever where LaunchInstances was refused for a while, and no zone could be chosen'],
];

describe('rolls of drawn clusters under drawn faults', () => {
  it(`hold every invariant and come to their end: ${seedsRun} seeds`, async () => {
    process.stderr.write(`seeds ${first} to ${first + seedsRun - 1} (SEED=N begins elsewhere)\n`);
    for (let seed = first; seed < first + seedsRun; seed += 1) {
      const { violations, faults } = await runSeed(String(seed));
      expect(violations, `npm run sim -- roll --seed ${seed} (${faults.join(', ')})`).toEqual([]);
    }
  });

  it.each(onceFound)('hold every invariant with seed %i, in which %s', async (seed) => {
    expect((await runSeed(String(seed))).violations).toEqual([]);
  });

  it('are the same twice for the same seed, and others for another', async () => {
    const [once, again, other] = [await runSeed('9'), await runSeed('9'), await runSeed('15')];
    expect(again.digest).toBe(once.digest);
    expect(other.digest).not.toBe(once.digest);
  });

  it('have people who take back what they did as soon as there is an API server again', () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] });
    roll.apply(budget('second', { maxUnavailable: 1 }));
    const budgets = () => roll.kube.truth().objects('poddisruptionbudgets.policy').size;
    roll.kube.faults.apiDown = 'refused';
    insist(roll, 'DELETE', '/apis/policy/v1/namespaces/shop/poddisruptionbudgets/second');
    roll.pass(60);
    expect(budgets()).toBe(1);
    roll.kube.faults.apiDown = 'no';
    roll.pass(10);
    expect(budgets()).toBe(0);
  });

  it('end as the run that nothing disturbed: what is compared with is what such a run leaves', async () => {
    for (const seed of ['1', '9']) {
      const scenario = drawScenario(seed);
      const undisturbed = await crashFreeEnd(scenario);
      const quiet = scenario.faults.filter((one) => ['crashes', 'slow-calls', 'cloud-reply-lost'].includes(one));
      const disturbed = { ...scenario, faults: [...quiet, 'crashes'] };
      const { violations } = await runSeed(seed, { scenario: disturbed, crashFree: undisturbed });
      expect(violations).toEqual([]);
    }
  });
});
