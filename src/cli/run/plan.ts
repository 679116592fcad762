/** `clm plan` */
import { randomUUID } from 'node:crypto';
import { loadDaemonConfig } from '../../daemon/config.ts';
import { planFleet } from '../../daemon/plan-fleet.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import { silentLogger } from '../../support/logger.ts';
import { seededRandom } from '../../support/random.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { withProgress } from '../connection.ts';
import { badInput, exitCodes } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { blocksForGood } from '../view/plan-live-view.ts';
import { planMarkdown } from '../view/plan-markdown.ts';
import { renderPlan } from '../view/plan-view.ts';

export interface PlanOptions extends ConnectionOptions {
  output: OutputFormat | 'markdown';
  cluster?: string;
  channel?: string;
  roll?: string;
  live?: boolean;
  full?: boolean;
}

export async function runPlan(ref: string | undefined, options: PlanOptions, context: CommandContext): Promise<void> {
  const { io } = context;
  const { config, problems } = loadDaemonConfig(options.config ?? 'clm.yaml', io.environment);
  if (config === undefined) throw badInput('nothing was planned', problems);
  const question = {
    live: options.live === true,
    ...(ref === undefined ? {} : { ref }),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    ...(options.channel === undefined ? {} : { channel: options.channel }),
  };
  const work = planFleet(config, question, {
    log: silentLogger(),
    version: 'plan',
    clock: clockFromEnvironment(io.environment['CLM_CLOCK']),
    random: seededRandom(randomUUID()),
    signal: io.signal,
  });
  const what = question.live ? 'rendering, comparing and asking the clusters' : 'rendering and comparing';
  const result = await withProgress(io, what, work);
  if (!('plan' in result)) {
    const count = result.problems.length === 1 ? '1 problem' : `${result.problems.length} problems`;
    throw badInput(`${count}; nothing was planned`, result.problems);
  }
  const { plan } = result;
  if (options.output === 'markdown') io.out(planMarkdown(plan));
  else {
    const view = { columns: tableColumns(io), colors: colorsOf(io), full: options.full === true };
    await printDocument(io, options.output, plan, (wide) => renderPlan(plan, { ...view, wide }));
  }
  const blocked = plan.clusters.some(({ nodes, live }) => nodes > 0 && blocksForGood(live));
  if (plan.refusals.length > 0 || blocked) context.exitWith(exitCodes.refused);
}
