/** People of a simulated promotion: whoever may say yes says it so long after being asked, where the command line says so. */
import { ApiError } from '../../api/errors.ts';
import type { PipelineControl } from '../../api/pipeline-control.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import type { ReadStore } from '../../ports/store.ts';
import type { Clock } from '../../support/clock.ts';
import { parseDuration } from '../../support/duration.ts';

export interface ApprovalRule {
  /** Name of a gate, `review` of a pull request, `promote` of an edge by hand; `all` of these. */
  gate: string;
  /** Only there. */
  channel?: string;
  afterMs: number;
}

const grammar = 'write GATE[@CHANNEL][=AFTER]: release, release@beta=2h, all=30m; also review and promote';

export function parseApprovals(
  texts: readonly string[],
  pipeline: Pick<Pipeline, 'channels'>,
): { rules: ApprovalRule[]; problems: Problem[] } {
  const rules: ApprovalRule[] = [];
  const problems: Problem[] = [];
  const gates = pipeline.channels.flatMap((one) => (one.gates ?? []).filter((gate) => gate.kind === 'approval'));
  const known = ['all', 'review', 'promote', ...new Set(gates.map((gate) => gate.name))];
  const channels = pipeline.channels.map((one) => one.name);
  for (const text of texts) {
    const [, gate = '', channel, after] = /^([^@=\s]+)(?:@([^@=\s]+))?(?:=(\S+))?$/.exec(text.trim()) ?? [];
    const afterMs = after === undefined ? 0 : parseDuration(after);
    const complain = (message: string, remedy: string): void =>
      void problems.push({ file: '--approve', message: `'${text}': ${message}`, remedy });
    if (gate === '') complain('no gate is named', grammar);
    else if (!known.includes(gate)) complain(`no gate of people is called ${gate}`, `use one of ${known.join(', ')}`);
    if (channel !== undefined && !channels.includes(channel))
      complain(`there is no channel ${channel}`, `use one of ${channels.join(', ')}`);
    if (afterMs === undefined) complain(`${after} is no duration`, grammar);
    rules.push({ gate, afterMs: afterMs ?? 0, ...(channel === undefined ? {} : { channel }) });
  }
  return { rules, problems };
}

export interface PeopleInput {
  rules: readonly ApprovalRule[];
  pipeline: Pipeline;
  store: ReadStore;
  clock: Clock;
  control: Pick<PipelineControl, 'approve' | 'promote'>;
  commit: string;
  /** Hears what they do. */
  tell: (channel: string, kind: string, message: string) => void;
}

const reason = 'said yes in the simulation';

export class People {
  readonly #input: PeopleInput;
  readonly #asked = new Set<string>();
  readonly #due: (() => Promise<void>)[] = [];
  #waiting = 0;

  constructor(input: PeopleInput) {
    this.#input = input;
  }

  /** Somebody has been asked and will answer. */
  busy(): boolean {
    return this.#waiting + this.#due.length > 0;
  }

  /** Carries out what is due; true when something was done. */
  async act(): Promise<boolean> {
    const acts = this.#due.splice(0);
    for (const act of acts) await act();
    return acts.length > 0;
  }

  /** Looks for what waits for somebody. */
  async look(): Promise<void> {
    if (this.#input.rules.length === 0) return;
    const { store, pipeline } = this.#input;
    for (const row of await store.rows({ status: 'active' })) {
      if (row.machine === 'promotion' && row.value === 'reviewing') {
        const { target } = row.context as { target: string };
        this.#ask('review', target, () => this.#approve(target, row.commit, 'review', ['reviewer']));
      }
      if (row.machine !== 'rollout') continue;
      const policy = pipeline.channels.find((one) => one.name === row.channel);
      const closed = (row.context as unknown as RolloutState).gates.filter((gate) => gate.state === 'closed');
      for (const { name } of closed) {
        const gate = policy?.gates?.find((one) => one.name === name);
        if (gate?.kind !== 'approval') continue;
        const roles = gate.roles.flatMap((role) => pipeline.roles?.[role] ?? []);
        const members = gate.roles.length > 0 ? [...new Set(roles)] : somebody(gate.quorum);
        const names = members.slice(0, gate.quorum);
        this.#ask(name, row.channel, () => this.#approve(row.channel, row.commit, name, names));
      }
    }
    await this.#manualEdges();
  }

  async #manualEdges(): Promise<void> {
    const { store, pipeline, commit, control } = this.#input;
    for (const policy of pipeline.channels) {
      for (const to of policy.manualTargets ?? []) {
        const rollout = await store.load(`rollout:${policy.name}:${commit}`);
        if (rollout?.value !== 'proven') continue;
        const request = { commit, to, bypass: false, reason };
        this.#ask('promote', to, async () => {
          const { message } = await control.promote(request, { name: 'promoter' });
          this.#input.tell(to, 'promotion-requested', message);
        });
      }
    }
  }

  #ask(gate: string, channel: string, answer: () => Promise<void>): void {
    const { rules, clock } = this.#input;
    const rule = rules.find(
      (one) => (one.gate === gate || one.gate === 'all') && (one.channel === undefined || one.channel === channel),
    );
    const key = `${gate}@${channel}`;
    if (rule === undefined || this.#asked.has(key)) return;
    this.#asked.add(key);
    this.#waiting += 1;
    clock.at(clock.now() + rule.afterMs, () => {
      this.#waiting -= 1;
      this.#due.push(answer);
    });
  }

  async #approve(channel: string, commit: string, gate: string, names: string[]): Promise<void> {
    for (const name of names) {
      const request = { verdict: 'approved' as const, channel, commit, gate, reason, forSeconds: 90 * 86_400 };
      try {
        const { message } = await this.#input.control.approve(request, { name });
        this.#input.tell(channel, 'approved', message);
      } catch (error) {
        // it was superseded or has ended meanwhile: there is nothing left to approve
        if (!(error instanceof ApiError)) throw error;
      }
    }
  }
}

function somebody(quorum: number): string[] {
  return Array.from({ length: quorum }, (_, i) => `approver-${i + 1}`);
}
