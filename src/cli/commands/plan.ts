import type { Preflight } from '../../planning/roll/preflight.ts';
import {
  type ActorOptions,
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withConnection,
} from '../command.ts';
import { sendWrite } from '../connection.ts';
import { badInput, exitCodes } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';

interface PlanOptions extends ConnectionOptions {
  output: OutputFormat;
  roll?: string;
}

/** `clm plan`: what would happen, before it does. */
export const registerPlan: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withConnection(program.command('plan'))
    .summary('what a node roll of a cluster would meet: blocking budgets, zones, duration')
    .description(
      'Asks the cluster with dry-run evictions, and touches nothing. Exit code 3 when something would keep nodes from ever leaving.',
    )
    .option('--roll <cluster>', 'a roll of all nodes of this cluster (id or alias)')
    .addOption(outputOption())
    .action(async (options: PlanOptions) => {
      if (options.roll === undefined) throw badInput('say what to plan: clm plan --roll CLUSTER');
      const path = `/v1/clusters/${encodeURIComponent(options.roll)}/roll-plan`;
      const plan = await sendWrite(options as ActorOptions, io, 'asking the cluster with dry-run evictions', (client) =>
        client.get<Preflight>(path),
      );
      const { renderPreflight } = await import('../view/preflight-view.ts');
      await printDocument(io, options.output, plan, (wide) =>
        renderPreflight(plan, { columns: tableColumns(io), wide, colors: colorsOf(io) }),
      );
      if (plan.blocks.some((block) => block.lasts === 'lasting') || plan.zones.length > 0) {
        context.exitWith(exitCodes.refused);
      }
    });
  examples(command, [
    ['clm plan --roll kube-12', 'before a change that replaces nodes is merged'],
    ['clm plan --roll kube-12 -o json', 'for a script: .blocks, .zones, .total.p90Seconds'],
  ]);
};
