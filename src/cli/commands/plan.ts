import { Option } from 'commander';
import type { Preflight } from '../../planning/roll/preflight.ts';
import {
  type ActorOptions,
  type CommandContext,
  examples,
  type OutputFormat,
  type RegisterCommand,
  withConnection,
} from '../command.ts';
import { sendWrite } from '../connection.ts';
import { badInput, exitCodes } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import type { PlanOptions } from '../run/plan.ts';

/** `clm plan`: what would happen, before it does. */
export const registerPlan: RegisterCommand = (program, context) => {
  const command = withConnection(program.command('plan'))
    .summary('what a commit would change, cluster by cluster, before it does')
    .description(
      'Renders a channel, branch, tag or commit for every cluster, by default each at the head of its own channel, and compares it with ' +
        'what was last applied: stacks, manifests, and the nodes that will roll. Works from what is recorded, without a daemon and ' +
        'without asking any cluster; secrets are replaced. Exit code 3 when clm would refuse the version, or, with --live, when nodes could not leave.',
    )
    .argument('[ref]', 'channel, branch, tag, or commit')
    .option('--cluster <name>', 'only this cluster, by alias or id')
    .option('--channel <name>', 'only clusters of this channel')
    .option(
      '--live',
      'ask the clusters, too: change sets (deleted again), dry runs, drift, versions in use, budgets that will block',
    )
    .option('--full', 'every line of every diff')
    .option('--roll <cluster>', 'what a roll of all nodes of this cluster would meet, by dry-run evictions')
    .addOption(
      new Option('-o, --output <format>', 'how to print; markdown is for a pull request')
        .choices(['table', 'wide', 'json', 'yaml', 'markdown'])
        .default('table'),
    )
    .action(async (ref: string | undefined, options: PlanOptions) => {
      if (options.roll !== undefined) return planRoll(options.roll, ref, options, context);
      const { runPlan } = await import('../run/plan.ts');
      return runPlan(ref, options, context);
    });
  examples(command, [
    ['clm plan', 'what is still to be done: each cluster, and the head of its channel'],
    ['clm plan dev', 'what the head of dev would mean for the whole fleet'],
    ['clm plan my-branch -o markdown', 'as a comment of a pull request'],
    ['clm plan dev --cluster kube-12 --live', 'what the cluster itself says to it, and which budgets will block'],
    ['clm plan dev --cluster kube-12 --full', 'every line for one cluster'],
    ['clm plan dev -o json | jq .summary', '"61 no-op, 16 daemonset-only, 3 roll 412 nodes"'],
    ['clm plan --roll kube-12', 'which budgets would block a roll: exit code 3 when one does for good'],
  ]);
};

async function planRoll(
  cluster: string,
  ref: string | undefined,
  options: PlanOptions,
  context: CommandContext,
): Promise<void> {
  const { io } = context;
  if (ref !== undefined) throw badInput('--roll looks at the nodes as they are: leave the commit out');
  if (options.output === 'markdown') throw badInput('--roll prints no markdown: use -o table, wide, json or yaml');
  const format: OutputFormat = options.output;
  const path = `/v1/clusters/${encodeURIComponent(cluster)}/roll-plan`;
  const plan = await sendWrite(options as ActorOptions, io, 'asking the cluster with dry-run evictions', (client) =>
    client.get<Preflight>(path),
  );
  const { renderPreflight } = await import('../view/preflight-view.ts');
  await printDocument(io, format, plan, (wide) =>
    renderPreflight(plan, { columns: tableColumns(io), wide, colors: colorsOf(io) }),
  );
  if (plan.blocks.some((block) => block.lasts === 'lasting') || plan.zones.length > 0) {
    context.exitWith(exitCodes.refused);
  }
}
