import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../support/duration.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  wholeNumber,
  withConnection,
} from './command.ts';
import { badInput } from './exit.ts';

interface WhatIfFlags extends ConnectionOptions {
  ref?: string;
  policy?: string;
  faults: string[];
  approve: string[];
  at?: string;
  draws: number;
  limit: number;
  seed?: string;
  output: OutputFormat;
}

interface ServeFlags {
  clusters: number;
  speed: number;
  scenario?: string;
  kubeconfig?: string;
  port: number;
  repository?: string;
  seed: string;
  output: 'text' | 'json';
}

const fastest = 10_000;

const speedOf = (text: string): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= fastest) return value;
  throw new InvalidArgumentError(`It must be a positive number, ${fastest} at most.`);
};

const within =
  (least: number, most: number) =>
  (text: string): number => {
    const value = wholeNumber(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };

const listed = (text: string, before: string[]): string[] => [...before, text];
const dayMs = 86_400_000;
const longestMs = 400 * dayMs;

const spanOf = (text: string): number => {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= longestMs) return ms;
  throw new InvalidArgumentError('It must be a duration such as 12h or 30d, 400d at most.');
};

/** `clm simulate`: what would become of a commit; and a simulated fleet to try things on. */
export const register: RegisterCommand = (program, context) => {
  const simulate = withConnection(program.command('simulate'))
    .summary('what would become of a commit, on a model of the fleet; or a simulated fleet to try things on')
    .description(
      "Runs the daemon's own engine, machines and planners on a model of the real fleet under a virtual clock, and prints what would " +
        'happen if a commit were merged to the first channel: channels and waves, what is waited for and who can open it, failures, and ' +
        'when it is through. Needs clm.yaml, no daemon; with its database, clusters, overrides and durations are those that it has ' +
        'recorded. Reaches no cloud and no cluster, and writes nothing. Exit code 0 when the commit is proven on the last channel, 3 when ' +
        'it is not, 2 for bad input.',
    )
    // what follows the name of a sub-command is that command's
    .enablePositionalOptions()
    .option('--ref <commit>', 'channel, branch or commit that is merged: on top of the first channel')
    .option('--policy <file>', 'another pipeline file than that of clm.yaml')
    .option(
      '--faults <list>',
      "what goes wrong: 'fail|stall|block CLUSTER [at CHANNEL|COMMIT] [for DURATION]', several with ';'. CLUSTER may be any, or a number of clusters of the channel",
      listed,
      [],
    )
    .option(
      '--approve <gate[@channel][=after]>',
      'who is asked says yes, so long afterwards: the name of a gate, review, promote or all; without it, it waits',
      listed,
      [],
    )
    .option('--at <moment>', 'when it is merged, for example 2026-12-18T16:00 (default: now)')
    .option('--draws <n>', 'simulations with other durations, 1 to 200, for p50 and p90', within(1, 200), 1)
    .option('--limit <duration>', 'simulated time after which it is given up', spanOf, 60 * dayMs)
    .option('--seed <text>', 'draws durations and clusters of faults')
    .addOption(outputOption())
    .action(async ({ ref, ...flags }: WhatIfFlags) => {
      if (ref === undefined)
        throw badInput('name the commit: clm simulate --ref COMMIT. For a fleet to try things on: clm simulate serve');
      const { runSimulate } = await import('./run/simulate.ts');
      await runSimulate({ ref, ...flags }, context);
    });
  examples(simulate, [
    ['clm simulate --ref my-branch', 'what would happen if it were merged now'],
    ['clm simulate --ref my-branch --policy pipeline.yaml', 'with the pipeline file of this checkout'],
    [
      "clm simulate --ref dev --faults 'fail kube-12; block 2 at beta for 6h'",
      'with a failing cluster, and two that hang',
    ],
    [
      'clm simulate --ref dev --approve release=2h --at 2026-12-18T16:00',
      'on a Friday, with people who take two hours',
    ],
    ['clm simulate --ref dev --draws 20 -o json | jq .totalSeconds', 'the median, and what nine in ten stay below'],
    ['clm simulate serve --speed 60', 'a simulated fleet, an hour a minute'],
  ]);
  registerServe(simulate, context);
};

function registerServe(simulate: Command, context: CommandContext): void {
  const serve = simulate
    .command('serve')
    .summary('serve the AWS and Kubernetes APIs of a simulated fleet')
    .description(
      'Serves the AWS and Kubernetes APIs of the sample fleet on loopback until Ctrl-C, for kubectl, the AWS CLI, SDKs, or anything else that speaks to them. Prints how to reach it; then what happens in it.',
    )
    .option(
      '--clusters <n>',
      'clusters, 1 to 1000: the sample fleet, and above 84 more that are all alike',
      within(1, 1000),
      4,
    )
    .option('--speed <rate>', 'simulated seconds a second', speedOf, 1)
    .option('--scenario <file>', 'what goes wrong, where and when (docs/simulator.md)')
    .option('--kubeconfig <file>', 'where to write the kubeconfig (default: a temporary file, removed at the end)')
    .option('--port <n>', 'of both APIs; a free one unless given', within(0, 65_535), 0)
    .option(
      '--repository <directory>',
      'a bare git repository: serves GitHub, chat, webhooks, Prometheus and a gate on it, too',
    )
    .option('--seed <seed>', 'decides boot times, pod placement and team workloads', 'simulate')
    .addOption(
      new Option('-o, --output <format>', 'text, or JSON lines: how to reach it, then events')
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(async (flags: ServeFlags) => {
      const { runServe } = await import('./simulate/serve.ts');
      await runServe(
        {
          clusters: flags.clusters,
          speed: flags.speed,
          scenario: flags.scenario,
          kubeconfig: flags.kubeconfig,
          port: flags.port,
          repository: flags.repository,
          seed: flags.seed,
          output: flags.output,
        },
        context.io,
      );
    });
  examples(serve, [
    ['clm simulate serve', 'four clusters, in real time'],
    ['clm simulate serve --speed 60 --kubeconfig ./sim.kubeconfig', 'an hour a minute'],
    ['clm simulate serve --scenario examples/scenario.yaml', 'with faults'],
    ['clm simulate serve --repository my-config/config.git', 'with pull requests, chat and webhooks'],
    ['clm simulate serve --clusters 1000', 'takes half a minute and 2 GiB'],
  ]);
}
