/**
 * Whose number an attempt is. An update is named by channel, version, cluster and attempt, and reports to whoever started it: each who
 * may start one has numbers of their own, so that nobody takes the update of another for theirs and waits for what is reported elsewhere.
 */

/** Numbers in a row that one starter has for one version and cluster. */
export const attemptsEach = 999;

/** The first number of the search for a culprit. */
export const firstOfBisect = 1_001;

/** The first number of the channel itself: catching up, creations, repairs. */
export const firstOfChannel = 2_001;

const perRollout = 10_000;

/** The first number of the n-th rollout of a version on a channel; n begins at 1. */
export function firstOfRollout(n: number): number {
  return (n - 1) * perRollout + 1;
}

/** Another attempt of the same starter; undefined when it has had all of its own. */
export function nextAttempt(attempt: number): number | undefined {
  return (attempt % 1_000) + 1 > attemptsEach ? undefined : attempt + 1;
}
