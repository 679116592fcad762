import { InvalidArgumentError, Option } from 'commander';
import { examples, type RegisterCommand, wholeNumber } from './command.ts';

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

/** `clm simulate`: a simulated fleet without clm. */
export const register: RegisterCommand = (program, context) => {
  const simulate = program.command('simulate').summary('a simulated fleet to try things on');
  simulate.description('Simulated AWS accounts and Kubernetes clusters, without the daemon.');
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
  examples(simulate, [['clm simulate serve --speed 60 --kubeconfig ./sim.kubeconfig', 'an hour a minute']]);
  examples(serve, [
    ['clm simulate serve', 'four clusters, in real time'],
    ['clm simulate serve --speed 60 --kubeconfig ./sim.kubeconfig', 'an hour a minute'],
    ['clm simulate serve --scenario examples/scenario.yaml', 'with faults'],
    ['clm simulate serve --repository my-config/config.git', 'with pull requests, chat and webhooks'],
    ['clm simulate serve --clusters 1000', 'takes half a minute and 2 GiB'],
  ]);
};
