import { expect, it } from 'vitest';
import { FailureError, terminal } from '../../../src/domain/failure.ts';
import { StepRunner } from '../../../src/engine/step-runner.ts';
import type { StepInput, StepOutcome } from '../../../src/ports/step.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { hideValues } from '../../../src/support/redact.ts';

const planted = 'planted-in-a-step';

async function outcomeOf(step: () => Promise<StepOutcome>): Promise<StepOutcome | undefined> {
  const stop = new AbortController().signal;
  const runner = new StepRunner({ timeoutMs: 10_000, stop, log: silentLogger() });
  const input = { id: 'x', cluster: 'c', seq: 1 } as unknown as Omit<StepInput, 'signal'>;
  return runner.run('step', step, input);
}

it('no failure and no journal entry leaves a step with a secret in it', async () => {
  hideValues([planted]);
  const message = `admission webhook denied: Invalid value: "${planted}" (${Buffer.from(planted).toString('base64')})`;
  const outcomes = [
    await outcomeOf(() => Promise.reject(new FailureError(terminal('kube-invalid', message)))),
    await outcomeOf(() => Promise.resolve({ kind: 'failed', failure: terminal('kube-invalid', message) })),
    await outcomeOf(() => Promise.resolve({ kind: 'done', output: null, journal: [{ kind: 'x', message }] })),
  ];
  const text = JSON.stringify(outcomes);
  expect(text).not.toContain(planted);
  expect(text).not.toContain(Buffer.from(planted).toString('base64').slice(0, 12));
  expect(text.match(/\[redacted\]/g)).toHaveLength(6);
});
