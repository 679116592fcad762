/** The API's backend on the running daemon. */
import type { ApiBackend } from '../api/backend.ts';
import { ApiError } from '../api/errors.ts';
import type { PipelineControl } from '../api/pipeline-control.ts';
import { readPastRollouts, readStatus } from '../api/read-model.ts';
import type { ActionAnswer } from '../api/schemas.ts';
import type { Engine } from '../engine/engine-options.ts';
import type { StatusDocument, StatusProblem } from '../planning/explain/status-document.ts';
import type { CheckRunner } from '../ports/check-runner.ts';
import type { Store } from '../ports/store.ts';
import type { Adoption } from './adoption.ts';
import { commitFinder } from './control/commits.ts';
import { createPipelineControl } from './control/pipeline-control.ts';
import { explainRef } from './explain-ref.ts';
import type { GitWatch } from './git-watch.ts';
import { createRunImport } from './import-run.ts';
import { createKept } from './kept-objects.ts';
import type { LastGood } from './last-good.ts';
import { createDeadLetters } from './notify/dead-letters.ts';
import { createOperations } from './operations.ts';
import { createQuarantines } from './quarantines.ts';
import { createRollOperations } from './roll-operations.ts';
import { StatusCache } from './status-cache.ts';

export interface BackendInput {
  store: Store;
  engine: Engine;
  lastGood: LastGood;
  git: GitWatch;
  adoption: Adoption;
  runner: Pick<CheckRunner, 'kept' | 'sweepKept'>;
  look: (git: boolean) => Promise<void>;
  wakeChannels: () => void;
  onActed: () => void;
  reportProblems: () => StatusProblem[];
  /** Grows when something was stored that is no commit of a process and no action: the status has to be made anew. */
  storedBeside: () => number;
  /** The outbox of news was changed by somebody. */
  onNewsChanged: () => Promise<void>;
  previewRoll: ApiBackend['rolls']['preview'];
  /** Names of a cluster's nodes, from its API server. */
  nodesOf: (clusterId: string) => Promise<string[]>;
  now: () => number;
}

export function createBackend(input: BackendInput): ApiBackend {
  const { store, engine, lastGood, now } = input;
  let acts = 0;
  /** Streams and the cached status learn of actions that no process has answered yet. */
  const acted = async <Answer>(work: Promise<Answer>): Promise<Answer> => {
    const answer = await work;
    acts += 1;
    input.onActed();
    return answer;
  };
  const read = (): Promise<StatusDocument> =>
    readStatus(store, {
      pipeline: lastGood.pipeline(),
      registry: { clusters: lastGood.clusters(), problems: lastGood.registryProblems() },
      problems: [...lastGood.problems(), ...input.git.problems(), ...input.reportProblems()],
      daemonRunning: true,
      now: now(),
    });
  const cache = new StatusCache(read, () => {
    const stats = engine.stats();
    return stats.commits + stats.pendingMessages + acts + input.storedBeside();
  });
  const rolls = createRollOperations({
    store,
    engine,
    clusters: () => lastGood.clusters(),
    nodesOf: input.nodesOf,
    now,
  });
  const operations = createOperations({ store, engine, lastGood, now });
  const find = commitFinder(input.git.source, lastGood);
  const own = createPipelineControl({ store, engine, lastGood, source: input.git.source, now });
  const control: PipelineControl = {
    override: (request, by) => acted(own.override(request, by)),
    endOverride: (request, by) => acted(own.endOverride(request, by)),
    approve: (request, by) => acted(own.approve(request, by)),
    promote: (request, by) => acted(own.promote(request, by)),
    hotfix: (request, by) => acted(own.hotfix(request, by)),
    rollback: (request, by) => acted(own.rollback(request, by)),
    stopTheLine: (request, by) => acted(own.stopTheLine(request, by)),
  };
  const onChanged = (): Promise<void> => acted(input.onNewsChanged());
  const confirm = async (actor: string, reason: string): Promise<ActionAnswer> => {
    const confirmed = await lastGood.confirm(actor, reason);
    if (confirmed === undefined) throw new ApiError(409, 'nothing-held-back', 'No registry read is held back now.');
    input.wakeChannels();
    return { told: [], message: `The registry of ${confirmed.clusters} clusters is in use now.` };
  };
  return {
    store,
    status: () => cache.get(),
    explain: async (subject) => explainRef(await read(), subject, await readPastRollouts(store), find),
    pause: (request, by) => acted(operations.pause(request, by)),
    resume: (request, by) => acted(operations.resume(request, by)),
    retry: (request, by) => acted(operations.retry(request, by)),
    rolls: { act: (request, by) => acted(rolls.act(request, by)), preview: input.previewRoll },
    checks: createQuarantines({ store, clusters: () => lastGood.clusters(), now }),
    kept: createKept({ store, runner: input.runner, clusters: () => lastGood.clusters(), now }),
    notifications: createDeadLetters({ store, now, onChanged }),
    importRun: createRunImport({ store, now }),
    control,
    previewAdoption: (signal) => input.adoption.preview(signal),
    adopt: async (by, reason, signal) => {
      const answer = await acted(input.adoption.adopt(by, reason, signal));
      input.wakeChannels();
      return answer;
    },
    confirmRegistry: (reason, by) => acted(confirm(by.name, reason)),
    refresh: async () => {
      await input.look(true);
      return { told: [], message: 'The daemon looks at git and the registry now.' };
    },
  };
}
