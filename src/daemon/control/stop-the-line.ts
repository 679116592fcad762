import type { Operator } from '../../api/backend.ts';
import type { PipelineControl } from '../../api/pipeline-control.ts';
import type { ControlInput } from './control-input.ts';
import { entry, messagesTo, resolve } from './target.ts';

/** The red button: everything in flight stops between two nodes, nothing starts, no branch moves. */
export async function stopTheLine(
  input: ControlInput,
  { reason, forSeconds }: Parameters<PipelineControl['stopTheLine']>[0],
  by: Operator,
): Promise<{ told: string[]; message: string }> {
  const now = input.now();
  const target = await resolve(input, { kind: 'fleet' });
  const expiresAt = now + forSeconds * 1000;
  const message = `${by.name} stopped the line until ${new Date(expiresAt).toISOString()}: ${reason}`;
  const value = { kind: 'pause', scope: 'fleet', actor: by.name, reason: `the line is stopped: ${reason}`, expiresAt };
  await input.engine.post(messagesTo(target, { type: 'PAUSE', by: by.name, reason, expiresAt }), {
    facts: [{ kind: 'override', key: 'pause/fleet', value }],
    journal: [entry(target, by, 'paused', message, now, { reason, expiresAt, line: true })],
  });
  return {
    told: target.processes,
    message: `${message}\nWhat is in flight stops between two nodes; nothing starts and no branch moves. To go on: clm resume fleet --reason …`,
  };
}
