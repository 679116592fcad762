/** The clock of a daemon's machine that jumps, and the decision time that the daemon makes of it. */
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { SteadyClock, type TimeCorrection } from '../../../src/support/steady-clock.ts';
import type { RollWorld } from '../roll-world.ts';

export interface Machine {
  /** Ms by which its clock is ahead of the world's. */
  ahead: number;
  clock: SteadyClock;
  corrections: TimeCorrection[];
  /** The cluster's API server says what time it is, as it does over the wire. */
  wrapKube: (kube: KubeCluster) => KubeCluster;
}

/** A machine whose daemon starts now, with a clock that is ahead by this much. */
export function machineOn(roll: RollWorld, ahead = 0): Machine {
  const { clock: world } = roll.world;
  const startMs = world.now();
  const corrections: TimeCorrection[] = [];
  const sources = {
    wall: () => world.now() + machine.ahead,
    elapsed: () => world.now() - startMs,
    after: (ms: number, fire: () => void) => world.at(world.now() + ms, fire),
  };
  const machine: Machine = { ahead, corrections } as Machine;
  machine.clock = new SteadyClock(sources, (correction) => corrections.push(correction));
  machine.wrapKube = (kube) =>
    new Proxy(kube, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const answer: unknown = Reflect.apply(value as (...all: unknown[]) => unknown, object, args);
          if (!(answer instanceof Promise)) return answer;
          // a Date header has whole seconds
          return answer.finally(() => machine.clock.heard(roll.cluster.id, Math.floor(world.now() / 1000) * 1000));
        };
      },
    });
  return machine;
}
