import { describe, expect, it } from 'vitest';
import { whyPodNotReady } from '../../../src/checks/workload.ts';

const why = (status: object): string | undefined =>
  whyPodNotReady({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'registry.example.com/x:1' }] },
    status,
  });
const container = (parts: object): object => ({ containerStatuses: [{ name: 'c', ready: false, ...parts }] });
const failed = { terminated: { exitCode: 1, reason: 'Error', message: 'no such file\n' } };

describe('why a pod is not ready', () => {
  it.each([
    [
      'waits for its next start',
      { restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: failed },
      'p: CrashLoopBackOff; container c ended 3 times, last with exit code 1 (Error: no such file)',
    ],
    [
      'has just ended',
      { restartCount: 2, state: failed, lastState: failed },
      'p: container c ended 3 times, last with exit code 1 (Error: no such file)',
    ],
    [
      'has ended for the first time',
      { restartCount: 0, state: { terminated: { signal: 9, exitCode: 137, reason: 'OOMKilled' } } },
      'p: container c ended with signal 9 (OOMKilled)',
    ],
    [
      'runs again, and is not ready yet',
      { restartCount: 1, state: { running: {} }, lastState: failed },
      'p: container c ended with exit code 1 (Error: no such file)',
    ],
    [
      'cannot be pulled',
      { restartCount: 1, state: { waiting: { reason: 'ErrImagePull', message: 'none' } }, lastState: failed },
      'p: ErrImagePull: none: the image registry.example.com/x:1 cannot be pulled',
    ],
  ])('is its container, which %s', (_, parts, expected) => {
    expect(why(container(parts))).toBe(expected);
  });

  it('is nothing for one that is ready again, and unknown for one that runs for the first time', () => {
    const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
    expect(
      why({ ...container({ restartCount: 1, state: { running: {} }, lastState: failed }), ...ready }),
    ).toBeUndefined();
    expect(why(container({ restartCount: 0, state: { running: {} } }))).toBeUndefined();
  });

  it('is the scheduler while it has no node', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no nodes' }];
    expect(why({ conditions })).toBe('p: Unschedulable: no nodes');
  });
});
