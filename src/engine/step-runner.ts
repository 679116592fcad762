/** Calls a step, and turns whatever happens into an outcome: the one place where exceptions become failures. */
import { setMaxListeners } from 'node:events';
import { type Failure, FailureError, transient } from '../domain/failure.ts';
import type { StepInput, StepOutcome } from '../ports/step.ts';
import type { OutboxMessage } from '../ports/store.ts';
import { startDeadline, wallMs } from '../support/deadline.ts';
import type { Logger } from '../support/logger.ts';
import { hideInData, redactText } from '../support/redact.ts';
import type { AnyStep } from './engine-options.ts';

export interface StepUnderWay {
  id: string;
  step: string;
  startedWallMs: number;
  overdue: boolean;
}

export interface StepRunnerOptions {
  timeoutMs: number;
  /** Aborts every step when the engine stops. */
  stop: AbortSignal;
  log: Logger;
}

export class StepRunner {
  readonly #options: StepRunnerOptions;
  readonly #underWay = new Set<StepUnderWay>();

  constructor(options: StepRunnerOptions) {
    this.#options = options;
    // One listener a step under way, and the engine bounds those
    setMaxListeners(0, options.stop);
  }

  underWay(): StepUnderWay[] {
    return [...this.#underWay];
  }

  /**
   * Runs to the step's end, however late: a row never has two steps under way. Past the limit its signal aborts; a step that
   * then throws has failed `step-timeout`, one that still returns has its outcome taken. undefined = it was cut short because the
   * engine stops, and runs again at the next start.
   */
  async run(name: string, step: AnyStep, input: Omit<StepInput, 'signal'>): Promise<StepOutcome | undefined> {
    const { timeoutMs, stop, log } = this.#options;
    const keys = { step: name, process: input.id, clusterId: input.cluster, seq: input.seq };
    const entry: StepUnderWay = { id: input.id, step: name, startedWallMs: wallMs(), overdue: false };
    const overdue = (): void => {
      entry.overdue = true;
      log.error(keys, 'Step takes longer than its limit and was told to stop');
    };
    const deadline = startDeadline(timeoutMs, `step ${name} of ${input.id}`, stop, overdue);
    const limited = {
      ...input,
      get signal() {
        return deadline.signal;
      },
    };
    this.#underWay.add(entry);
    try {
      return redacted(validated(await step(limited as StepInput<never>), name));
    } catch (error) {
      if (stop.aborted) return undefined;
      if (error instanceof FailureError) return { kind: 'failed', failure: withoutSecrets(error.failure) };
      if (deadline.expired()) {
        return {
          kind: 'failed',
          failure: transient('step-timeout', `step ${name} of ${input.id} did not end within ${timeoutMs} ms`),
        };
      }
      log.error({ ...keys, err: error }, 'Step threw an unexpected error');
      return {
        kind: 'failed',
        failure: transient('internal-error', `step ${name} of ${input.id} ended with an unexpected error; see the log`),
      };
    } finally {
      this.#underWay.delete(entry);
      deadline.clear();
    }
  }
}

/** What a server answered may repeat what it was sent: no failure, wait or journal entry is stored with a secret in it. */
function redacted(outcome: StepOutcome): StepOutcome {
  const journal = outcome.journal?.map((entry) => ({
    ...entry,
    message: redactText(entry.message),
    ...(entry.data === undefined ? {} : { data: hideInData(entry.data) }),
  }));
  const messages = outcome.messages?.map((one) => ({ ...one, event: withoutSecretsSaid(one.event) }));
  const told = {
    ...outcome,
    ...(journal === undefined ? {} : { journal }),
    ...(messages === undefined ? {} : { messages }),
  };
  if (told.kind === 'failed') return { ...told, failure: withoutSecrets(told.failure) };
  // why it waits is shown and told to people as a failure is
  if (told.kind === 'waiting') return { ...told, reason: { ...told.reason, message: redactText(told.reason.message) } };
  return told;
}

/** Whoever is told shows what was said to it; everything else of an event is data, and stays as it is. */
function withoutSecretsSaid(event: OutboxMessage['event']): OutboxMessage['event'] {
  const { message } = event;
  return typeof message === 'string' ? { ...event, message: redactText(message) } : event;
}

function withoutSecrets(failure: Failure): Failure {
  return { ...failure, message: redactText(failure.message) };
}

function validated(outcome: StepOutcome, name: string): StepOutcome {
  if (outcome.kind === 'waiting' && !Number.isFinite(outcome.wakeAt)) {
    throw new TypeError(`step ${name} returned a wait without a finite wakeAt`);
  }
  return outcome;
}
