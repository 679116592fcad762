/** A service under load keeps its objective, and the check says how it does not. */
import type { CheckCase } from '../check-cases.ts';
import type { CheckWorld } from '../check-world.ts';

const short = (world: CheckWorld): void => {
  world.cluster.configItems['e2e_load_rps'] = '10';
  world.cluster.configItems['e2e_load_for'] = '60s';
};

/** Something breaks half a minute after the load has begun, for so long. */
function meanwhile(breaking: (world: CheckWorld) => void, forMs: number): (world: CheckWorld) => void {
  return (world) =>
    world.when('/load-', 'pods', 1, () => {
      const { clock } = world.world;
      clock.at(clock.now() + 30_000, () => breaking(world));
      clock.at(clock.now() + 30_000 + forMs, () => world.kube.runtimeFaults.clear());
    });
}

export const loadCases: CheckCase[] = [
  {
    check: 'rollout.load-slo',
    profile: 'load',
    given: short,
    evidence: /^600 of 600 requests to http:\/\/one\.clm-e2e-\S+ were answered, 99 % within \d+ ms$/,
    broken: {
      'servers that are away for ten seconds': {
        by: meanwhile((world) => world.kube.runtimeFaults.set({ images: { 'clm-probe': 'refused' } }), 10_000),
        message:
          /^\d+ of 600 requests failed, at most 0\.000001 of them may: refused \d+×: .*; nobody answered for (9|10)\d{3} ms, at most 5000 ms is agreed$/,
      },
      'servers that answer with errors for a moment': {
        by: meanwhile((world) => world.kube.runtimeFaults.set({ images: { 'clm-probe': 'failing' } }), 2_000),
        message:
          /^\d+ of 600 requests failed, at most 0\.000001 of them may: status-500 \d+×: answered with status 500$/,
      },
      'a network that has become slow': {
        by: meanwhile(
          (world) => world.kube.runtimeFaults.set({ links: [{ from: '*', to: '*', extraLatencyMs: 1_500 }] }),
          60_000,
        ),
        message: /^one answer in a hundred takes \d{4} ms or more, 1000 ms is agreed$/,
      },
      'an address that leads nowhere': {
        by: (world) => {
          world.cluster.configItems['e2e_load_url'] = 'http://nobody.example.org/';
        },
        message: /^600 of 600 requests failed, .*dns-nxdomain/,
      },
    },
  },
];
