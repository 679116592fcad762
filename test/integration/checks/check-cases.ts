/** Two promises of every check: it passes on a healthy cluster that has what it needs, and each broken world turns it red. */
import { describe, expect, it } from 'vitest';
import type { CheckRunRequest } from '../../../src/ports/check-runner.ts';
import { CheckWorld } from './check-world.ts';

export interface CheckCase {
  check: string;
  /** Where it is not of the profile `full`. */
  profile?: string;
  /** What the cluster needs for the check to apply. */
  given?: (world: CheckWorld) => void | Promise<void>;
  /** More of the request: generations of nodes, quarantines. */
  request?: (world: CheckWorld) => Partial<CheckRunRequest>;
  /** It leaves something in the world that is not the cluster's: a second run needs another one. */
  usesUp?: true;
  evidence: RegExp;
  /** Each makes the check fail, with this message. */
  broken: Record<
    string,
    { by: (world: CheckWorld) => void | Promise<void>; message: RegExp; outcome?: string; leaks?: true }
  >;
}

export function describeChecks(cases: CheckCase[]): void {
  describe.each(cases)('$check', ({ check, profile, given, request, evidence, broken }) => {
    const prepared = async (): Promise<CheckWorld> => {
      const world = await CheckWorld.create();
      await given?.(world);
      return world;
    };
    const run = async (world: CheckWorld) =>
      (await world.run({ profile: profile ?? 'full', only: [check], ...request?.(world) }))[check];

    it('passes on a healthy cluster and leaves nothing behind', async () => {
      const world = await prepared();
      const result = await run(world);
      expect(result?.message).toMatch(evidence);
      expect(result).toMatchObject({ outcome: 'pass', leaked: [], attempts: 1 });
      expect(world.leftBehind()).toEqual([]);
    });

    it.each(Object.entries(broken))('finds %s', async (_name, { by, message, outcome, leaks }) => {
      const world = await prepared();
      await by(world);
      const result = await run(world);
      expect(result?.message).toMatch(message);
      expect(result).toMatchObject({ outcome: outcome ?? 'fail' });
      if (leaks) expect(result?.leaked).not.toEqual([]);
      else {
        expect(result?.leaked).toEqual([]);
        expect(world.leftBehind()).toEqual([]);
      }
    });
  });
}
