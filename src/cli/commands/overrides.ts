/** `clm freeze`, `pin`, `hold`, `skip`, `veto`, `decommission` and their ends: what people lay over the pipeline. */
import type { Command } from 'commander';
import type { ActionAnswer, Scope } from '../../api/schemas.ts';
import { parseDuration } from '../../support/duration.ts';
import { type ActOptions, type CommandContext, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import type { DaemonClient } from '../daemon-client.ts';
import { badInput } from '../exit.ts';
import { parseMoment } from '../moment.ts';
import { printAnswer } from '../output.ts';
import { scopeOf } from '../scope.ts';

interface Words {
  kind: 'freeze' | 'pin' | 'hold' | 'skip' | 'veto' | 'decommission';
  end: string;
  argument: string;
  argumentHelp: string;
  summary: string;
  description: string;
  endSummary: string;
  defaultFor: string;
  examples: [string, string][];
}

const family: Words[] = [
  {
    kind: 'freeze',
    end: 'unfreeze',
    argument: 'scope',
    argumentHelp: "'fleet', 'channel:NAME' or 'cluster:NAME'",
    summary: 'start nothing in the fleet, a channel or a cluster for a while',
    description:
      'Work in flight comes to its end as far as the channel says (finish: node, pool or cluster), then rests.',
    endSummary: 'end a freeze',
    defaultFor: '24h',
    examples: [
      ['clm freeze fleet --until 2026-12-27T08:00 --reason "peak season"', 'until a moment'],
      ['clm freeze channel:stable --for 4h --reason "incident 4711"', 'for a span'],
    ],
  },
  {
    kind: 'pin',
    end: 'unpin',
    argument: 'scope',
    argumentHelp: "'cluster:NAME' or 'channel:NAME'",
    summary: 'keep a cluster or a channel on the version that it runs',
    description: 'Rollouts leave it out. When the pin ends, it catches up.',
    endSummary: 'end a pin; what was pinned catches up',
    defaultFor: '7d',
    examples: [['clm pin cluster:kube-12 --for 3d --reason "storage migration"', 'one cluster']],
  },
  {
    kind: 'hold',
    end: 'release',
    argument: 'scope',
    argumentHelp: "'channel:NAME', 'commit:ID' or 'fleet'",
    summary: 'keep versions from leaving a channel',
    description: 'Versions are still proven there. They are promoted when the hold ends.',
    endSummary: 'end a hold',
    defaultFor: '7d',
    examples: [
      ['clm hold channel:beta --reason "release meeting on Monday"', 'every version'],
      ['clm hold commit:3f2a1bc --reason "let us look at it"', 'one version'],
    ],
  },
  {
    kind: 'skip',
    end: 'unskip',
    argument: 'cluster',
    argumentHelp: "'cluster:NAME', or the cluster's name alone",
    summary: 'leave a cluster out of rollouts',
    description: 'It counts neither way, and never as green. When the skip ends, it catches up.',
    endSummary: 'end a skip; the cluster catches up',
    defaultFor: '7d',
    examples: [['clm skip kube-12 --for 12h --reason "being rebuilt"', 'one cluster']],
  },
  {
    kind: 'veto',
    end: 'unveto',
    argument: 'commit',
    argumentHelp: 'the commit, seven characters or more, or a branch or tag that holds it',
    summary: 'mark a version as bad, everywhere',
    description: 'Its rollouts end, it starts nowhere and is not promoted; nor is any other commit with the same tree.',
    endSummary: 'end a veto',
    defaultFor: '90d',
    examples: [['clm veto 3f2a1bc --reason "breaks DNS, see 4711"', 'for 90 days unless --for says so']],
  },
  {
    kind: 'decommission',
    end: 'keep',
    argument: 'cluster',
    argumentHelp: "'cluster:NAME', or the cluster's name alone",
    summary: 'confirm that a production cluster goes for good',
    description:
      'The registry asks for it (lifecycle_status: decommission-requested); a production cluster also needs this. It goes once it has cooled off, one cluster at a time, and only while nothing but what clm has put there is in it.',
    endSummary: 'take back the confirmation that a cluster goes',
    defaultFor: '7d',
    examples: [
      [
        'clm decommission kube-12 --confirm aws:123456789012:eu-central-1:kube-12 --reason "moved to kube-40"',
        'the id, typed once more',
      ],
      [
        'clm decommission kube-12 --confirm aws:123456789012:eu-central-1:kube-12 --without-api --reason "its control plane is lost"',
        'its API is gone for good: nothing in it is looked at, no node is drained',
      ],
    ],
  },
];

export const registerOverrides: RegisterCommand = (program, context) => {
  for (const words of family) {
    registerStart(program, context, words);
    registerEnd(program, context, words);
  }
};

interface StartOptions extends ActOptions {
  for?: string;
  until?: string;
  to?: string;
  confirm?: string;
  withoutApi?: boolean;
}

function registerStart(program: Command, { io }: CommandContext, words: Words): void {
  const command = withActor(program.command(words.kind))
    .argument(`<${words.argument}>`, words.argumentHelp)
    .summary(words.summary)
    .description(words.description)
    .option('--for <duration>', `how long: 30m, 4h, 2d (${words.defaultFor} unless given)`)
    .option('--until <time>', "until when: 2026-12-27T08:00 in this shell's zone, or 2026-12-27T08:00Z")
    .action(async (subject: string, options: StartOptions) => {
      const answer = await sendWrite(options, io, `${words.kind} under way`, async (client) =>
        client.post<ActionAnswer>('/v1/overrides', {
          kind: words.kind,
          scope: await subjectOf(words, subject, client),
          reason: options.reason,
          ...(options.to === undefined ? {} : { commit: options.to }),
          ...(options.confirm === undefined ? {} : { confirm: options.confirm }),
          ...(options.withoutApi === true ? { withoutApi: true } : {}),
          forSeconds: await secondsOf(options, words.defaultFor, client),
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  if (words.kind === 'pin')
    command.option('--to <commit>', 'the version that you expect it to run; refused when it does not');
  if (words.kind === 'decommission') {
    command.requiredOption('--confirm <id>', 'the id of the cluster, typed once more');
    command.option('--without-api', 'its API is gone for good: what is in it is not looked at, and no node is drained');
  }
  examples(command, words.examples);
}

function registerEnd(program: Command, { io }: CommandContext, words: Words): void {
  const command = withActor(program.command(words.end))
    .argument(`<${words.argument}>`, words.argumentHelp)
    .summary(words.endSummary)
    .description(`Ends what \`clm ${words.kind}\` has laid down, before it expires by itself.`)
    .action(async (subject: string, options: ActOptions) => {
      const answer = await sendWrite(options, io, `${words.end} under way`, async (client) =>
        client.post<ActionAnswer>('/v1/overrides/end', {
          kind: words.kind,
          scope: await subjectOf(words, subject, client),
          reason: options.reason,
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  const [first] = words.examples;
  const subject = first?.[0].split(' ')[2] ?? 'fleet';
  examples(command, [[`clm ${words.end} ${subject} --reason "it is over"`, 'now']]);
}

async function subjectOf(words: Words, subject: string, client: DaemonClient): Promise<Scope> {
  const named = /^commit[:/](.+)$/.exec(subject)?.[1];
  const commit = named ?? (words.kind === 'veto' ? subject : undefined);
  if (commit === undefined) return scopeOf(subject, client);
  return { kind: 'commit', name: commit };
}

/** Spans count in the daemon's time, which is what `--until` is compared with. */
async function secondsOf(options: StartOptions, usual: string, client: DaemonClient): Promise<number> {
  if (options.for !== undefined && options.until !== undefined) throw badInput('write --for or --until, not both');
  if (options.until !== undefined) {
    const until = parseMoment(options.until);
    if (until === undefined) {
      throw badInput(`'${options.until}' is no time; write one like 2026-12-27T08:00 or 2026-12-27T08:00Z`);
    }
    const { at } = await client.get<{ at: string }>('/v1/clusters', { state: 'none' });
    const seconds = Math.round((until - Date.parse(at)) / 1000);
    if (seconds <= 0) throw badInput(`'${options.until}' is over already; it is ${at} now`);
    return seconds;
  }
  const written = options.for ?? usual;
  const ms = parseDuration(written);
  if (ms === undefined || ms === 0) throw badInput(`'${written}' is not a span of time; write 30m, 4h or 2d`);
  return Math.max(1, Math.round(ms / 1000));
}
