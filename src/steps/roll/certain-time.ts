import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { Clock } from '../../support/clock.ts';

const lookAgainMs = 10_000;

/**
 * A roll waits while the time is not certain: an hour that has not passed would make booting nodes failed ones and drains overdue.
 * The cluster's API is asked first, for its answer says what time it is. undefined = the time is certain.
 */
export async function awaitCertainTime(clock: Clock, kube: Pick<KubeCluster, 'raw'>): Promise<StepOutcome | undefined> {
  if (clock.doubt?.() === undefined) return undefined;
  // An answer that does not come is one voice less, no trouble of the roll's.
  await kube.raw('/version').catch(() => undefined);
  const message = clock.doubt();
  if (message === undefined) return undefined;
  return {
    kind: 'waiting',
    reason: { code: 'time-uncertain', message },
    wakeAt: Math.floor(clock.now()) + lookAgainMs,
  };
}
