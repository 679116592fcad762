/** Publishes what a simulated world's branches were moved on, and audits it: the real publisher and audit on the world's repository. */
import { type AuditReport, audit } from '../../../src/daemon/audit.ts';
import { MoveNotes } from '../../../src/daemon/move-notes.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import type { PipelineWorld } from './pipeline-world.ts';

export async function auditOf(world: Pick<PipelineWorld, 'store' | 'source' | 'pipeline'>): Promise<AuditReport> {
  const { store, source, pipeline } = world;
  const notes = new MoveNotes({
    store,
    source,
    signer: undefined,
    leaseHeld: () => true,
    log: silentLogger(),
    now: () => 0,
  });
  if (!(await notes.pass())) throw new Error(notes.problems()[0]?.message);
  const policy = { signatures: false };
  return audit({ channels: pipeline.channels, source, store, judge: undefined, policy, limit: 10_000 });
}
