import type { World } from '../../../src/simulator/model/world.ts';

/** Counts what became of every instance of a fleet from now on, by what the world itself says. */
export class InstanceLedger {
  /** Instances that there were at the start. */
  readonly originals: ReadonlySet<string>;
  readonly launched: string[] = [];
  /** Terminations that a client asked for. */
  readonly terminated: string[] = [];
  /** Terminations that a group decided. */
  readonly endedByGroups: string[] = [];

  constructor(world: World) {
    this.originals = new Set(
      world.clusters().flatMap((id) =>
        world.aws
          .truth()
          .instances(id)
          .map((instance) => instance.id),
      ),
    );
    world.subscribe((event) => {
      if (event.kind === 'instance-launched') this.launched.push(event.instanceId);
      if (event.kind !== 'instance-terminate-requested') return;
      (event.actor.kind === 'client' ? this.terminated : this.endedByGroups).push(event.instanceId);
    });
  }
}
