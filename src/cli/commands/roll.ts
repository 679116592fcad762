import type { RollRequest } from '../../api/roll-schemas.ts';
import type { ActionAnswer } from '../../api/schemas.ts';
import { parseDuration } from '../../support/duration.ts';
import { type ActOptions, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { badInput } from '../exit.ts';
import { printAnswer } from '../output.ts';

interface RollOptions extends ActOptions {
  pool?: string;
  for?: string;
}

interface Action {
  name: RollRequest['action'];
  summary: string;
  description: string;
  /** Takes a node beside the cluster. */
  node?: true;
  /** May be about one pool. */
  pool?: true;
  /** How long, unless told otherwise. */
  usual?: string;
  examples: [string, string][];
}

const actions: Action[] = [
  {
    name: 'pause',
    summary: 'stop the node rolls of a cluster where they are',
    description: 'Nothing is launched, cordoned, evicted or terminated. The pause ends by itself after --for.',
    pool: true,
    usual: '24h',
    examples: [
      ['clm roll pause kube-12 --reason "incident 4711" --for 2h', 'all rolls of a cluster'],
      ['clm roll pause kube-12 --pool workers --reason "slow boots"', 'one pool, for a day'],
    ],
  },
  {
    name: 'resume',
    summary: 'go on with paused rolls',
    description: 'Looks at everything anew first.',
    pool: true,
    examples: [['clm roll resume kube-12 --reason "incident 4711 is over"', 'before the pause ends by itself']],
  },
  {
    name: 'abort',
    summary: 'end the rolls between two nodes and put everything back',
    description:
      'Nodes of which most pods have moved are finished, the others take pods again; surplus nodes go. The cluster update fails.',
    pool: true,
    examples: [['clm roll abort kube-12 --reason "wrong image"', 'then clm retry of its channel tries again']],
  },
  {
    name: 'rollback',
    summary: 'go back to the template that the old nodes have',
    description:
      'The groups launch from their earlier template again, and the new nodes are replaced, budgets respected. The next attempt goes forward again.',
    pool: true,
    examples: [['clm roll rollback kube-12 --pool workers --reason "kernel panics"', 'one pool']],
  },
  {
    name: 'skip',
    summary: 'leave one node alone',
    description: 'It is neither cordoned nor drained; its roll waits for it, and reports it as blocked.',
    node: true,
    usual: '24h',
    examples: [['clm roll skip kube-12 ip-10-1-2-3.ec2.internal --reason "core dump"', 'for a day']],
  },
  {
    name: 'unskip',
    summary: 'end a skip early',
    description: 'The node takes its turn again.',
    node: true,
    examples: [['clm roll unskip kube-12 ip-10-1-2-3.ec2.internal --reason "dump is saved"', 'now']],
  },
  {
    name: 'force-drain',
    summary: 'let clm delete pods that their budgets hold for hours',
    description:
      'By the drain settings of the cluster only (drain_grace_period, drain_min_pod_lifetime, …): one pod a node and interval, with its own grace.',
    usual: '6h',
    examples: [['clm roll force-drain kube-12 --reason "ticket 88" --for 6h', 'after hours, one pod at a time']],
  },
  {
    name: 'keep-budgets',
    summary: 'end force-drain early',
    description: 'Budgets hold without exception again.',
    examples: [['clm roll keep-budgets kube-12 --reason "owner scaled up"', 'now']],
  },
];

/** `clm roll`: what can be done about node rolls. */
export const registerRoll: RegisterCommand = (program, context) => {
  const { io } = context;
  const roll = program.command('roll').summary('pause, resume, abort or roll back node rolls; skip a node');
  for (const action of actions) {
    const command = withActor(roll.command(action.name))
      .argument('<cluster>', 'id or alias')
      .summary(action.summary)
      .description(action.description);
    if (action.node) command.argument('<node>', 'name of the node');
    if (action.pool) command.option('--pool <name>', 'one pool; all that are being rolled unless given');
    if (action.usual !== undefined) command.option('--for <duration>', 'how long: 30m, 4h, 2d', action.usual);
    command.action(async (cluster: string, ...rest: unknown[]) => {
      const node = action.node ? (rest[0] as string) : undefined;
      const options = (action.node ? rest[1] : rest[0]) as RollOptions;
      const body = {
        action: action.name,
        cluster,
        reason: options.reason,
        ...(node === undefined ? {} : { node }),
        ...(options.pool === undefined ? {} : { pool: options.pool }),
        ...(options.for === undefined ? {} : { forSeconds: secondsOf(options.for) }),
      };
      const answer = await sendWrite(options, io, `asking for ${action.name}`, async (client) =>
        client.post<ActionAnswer>('/v1/rolls', body),
      );
      await printAnswer(io, options.output, answer);
    });
    examples(command, action.examples);
  }
  examples(roll, [
    ['clm roll pause kube-12 --reason "incident 4711" --for 2h', 'all rolls of a cluster'],
    ['clm roll rollback kube-12 --pool workers --reason "kernel panics"', 'back to the earlier template'],
    ['clm roll skip kube-12 ip-10-1-2-3.ec2.internal --reason "core dump"', 'one node, for a day'],
    ['clm roll force-drain kube-12 --reason "ticket 88" --for 6h', 'after hours, one pod at a time'],
  ]);
};

function secondsOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) throw badInput(`'${text}' is not a span of time; write 30m, 4h or 2d`);
  return Math.max(1, Math.round(ms / 1000));
}
