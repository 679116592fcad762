import { Option } from 'commander';
import { examples, type OutputFormat, outputOption, type RegisterCommand } from '../command.ts';
import type { E2eRunOptions } from '../run/e2e-run.ts';

const collect = (value: string, all: string[]): string[] => [...all, ...value.split(',').filter((part) => part !== '')];
const append = (value: string, all: string[]): string[] => [...all, value];

/** `clm e2e`: end-to-end checks of clusters. */
export const registerE2e: RegisterCommand = (program, context) => {
  const e2e = program.command('e2e').summary('end-to-end checks: run them, and see what they found');
  const run = e2e
    .command('run')
    .summary('check any cluster that a kubeconfig names; no registry, no daemon, no cloud account')
    .description(
      'Runs the checks of a profile on one cluster, cleans up after them, and reports. What a killed run left is cleaned up first.',
    )
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, or ~/.kube/config')
    .option('--context <name>', 'default: the current context')
    .option('--profile <name>', 'which checks', 'smoke')
    .addOption(
      new Option('--only <ids>', 'only these of the profile; * stands for any text')
        .argParser(collect)
        .default([], 'all'),
    )
    .addOption(new Option('--skip <ids>', 'not these').argParser(collect).default([], 'none'))
    .option('--settings <file>', 'YAML with settings of the checks: expects, image_registry, dns_zone, …')
    .addOption(new Option('--set <name=value>', 'one setting; may be repeated').argParser(append).default([], 'none'))
    .option('--quarantine <file>', 'YAML list of checks to leave out for a while: check, until, reason, actor')
    .option('--junit <file>', 'write a JUnit report')
    .option('--html <file>', 'write a report for people: one file with everything in it')
    .addOption(outputOption())
    .addHelpText('after', '\nExit codes: 0 passed, 1 failed or left something behind, 2 bad input, 3 no verdict.')
    .action(async (options: E2eRunOptions) => {
      const { runE2e } = await import('../run/e2e-run.ts');
      await runE2e(options, context);
    });
  examples(run, [
    ['clm e2e run --kubeconfig ~/.kube/config', 'the smoke profile on the current context'],
    ['clm e2e run --profile full --junit junit.xml --html report.html', 'everything, with reports'],
    ['clm e2e run --only "dns.*,network.*" --profile full', 'some checks'],
    ['clm e2e run --set expects=load-balancer,storage', 'a cluster without these fails'],
  ]);
  const list = e2e
    .command('list')
    .summary('checks, with their profiles and what they need')
    .option('--profile <name>', 'only those of a profile')
    .option('--capabilities', 'list what a cluster can be expected to offer instead')
    .addOption(outputOption())
    .action(async (options: { profile?: string; capabilities?: boolean; output: OutputFormat }) => {
      const { runE2eList } = await import('../run/e2e-list.ts');
      await runE2eList(options, context);
    });
  examples(list, [
    ['clm e2e list', 'every check; those that no profile selects are named below the table'],
    ['clm e2e list --profile addons -o wide', 'with gates, limits and titles'],
  ]);
};
