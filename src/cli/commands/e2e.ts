import { type Command, Option } from 'commander';
import {
  type CommandContext,
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  wholeNumber,
  withConnection,
} from '../command.ts';
import type { HistoryOptions } from '../run/e2e-history.ts';
import type { ImportOptions } from '../run/e2e-import.ts';
import type { E2eKeptOptions } from '../run/e2e-kept.ts';
import type { FleetKeptOptions } from '../run/e2e-kept-fleet.ts';
import type { E2eRunOptions } from '../run/e2e-run.ts';

import { registerQuarantine } from './e2e-quarantine.ts';

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
    .option('--settings <file>', 'YAML with settings of the checks: expects, image_registry, probe_image, …')
    .addOption(new Option('--set <name=value>', 'one setting; may be repeated').argParser(append).default([], 'none'))
    .option('--quarantine <file>', 'YAML list of checks to leave out for a while: check, until, reason, actor')
    .option(
      '--keep-on-failure <duration>',
      'objects of failed checks stay so long (at most 1d); `clm e2e kept` lists them',
    )
    .option('--junit <file>', 'write a JUnit report')
    .option(
      '--artifacts <folder>',
      'keep logs, reports and archives of suites there: <check>/<pass>/e2e.log, junit_01.xml',
    )
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
    ['clm e2e run --profile conformance --artifacts ./results', 'upstream conformance, by the version of the server'],
    ['clm e2e run --keep-on-failure 2h', 'namespaces of failed checks stay for two hours, to look at'],
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
  registerKept(e2e, context);
  registerHistory(e2e, context);
  registerQuarantine(e2e, context);
  examples(e2e, [
    ['clm e2e run --kubeconfig ~/.kube/config', 'check a cluster now'],
    ['clm e2e history --channel beta', 'what the daemon has found'],
    ['clm e2e failures', 'what fails alike, over all clusters'],
  ]);
};

function registerKept(e2e: Command, context: CommandContext): void {
  const kept = withConnection(e2e.command('kept'))
    .summary('what failed checks keep on clusters to be looked at, and until when')
    .description(
      'Of standalone runs on the cluster of a kubeconfig; with --fleet or --cluster, of the runs that the daemon made.',
    )
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, or ~/.kube/config')
    .option('--context <name>', 'default: the current context')
    .option('--sweep', 'take away what is past its time (the daemon does so by itself)')
    .option('--release', 'take away all of it now')
    .option('--fleet', "what the daemon's checks keep, on all clusters")
    .option('--cluster <name>', "what the daemon's checks keep there, by id or alias")
    .option('--check <id>', 'with --cluster and --release: only what this check keeps')
    .option('--reason <text>', 'with --cluster and --release: why; kept in the journal')
    .option('--as <name>', 'who asks, when not the user of this shell')
    .addOption(outputOption())
    .action(async (options: E2eKeptOptions & FleetKeptOptions) => {
      if (options.fleet === true || options.cluster !== undefined) {
        const { runFleetKept } = await import('../run/e2e-kept-fleet.ts');
        await runFleetKept(options, context);
        return;
      }
      const { runE2eKept } = await import('../run/e2e-kept.ts');
      await runE2eKept(options, context);
    });
  examples(kept, [
    ['clm e2e kept', 'checks, namespaces, and the time that is left'],
    ['clm e2e kept --release', 'all has been seen: clean up'],
    ['clm e2e kept --fleet', 'what checks of the daemon keep'],
    ['clm e2e kept --cluster kube-12 --release --reason "seen, OPS-12"', 'the daemon cleans up now'],
  ]);
}

function historyOptions(command: Command): Command {
  return withConnection(command)
    .option('--cluster <name>', 'only of this cluster, by id or alias')
    .option('--channel <name>', 'only of this channel')
    .option(
      '--commit <ref>',
      'only of this commit: seven characters or more, a tag, a branch, or a channel for its head',
    )
    .option('--profile <name>', 'only of this profile')
    .option('--since <duration>', 'how far back', '7d')
    .addOption(new Option('--limit <runs>', 'at most so many runs').argParser(wholeNumber).default(100))
    .addOption(outputOption());
}

function registerHistory(e2e: Command, context: CommandContext): void {
  const load = () => import('../run/e2e-history.ts');
  const history = historyOptions(e2e.command('history'))
    .summary('runs of checks, or a grid of what they found')
    .addOption(
      new Option(
        '--grid <kind>',
        'tests by runs, tests by clusters (the latest run of each), or clusters by commits',
      ).choices(['runs', 'clusters', 'commits']),
    )
    .action(async (options: HistoryOptions) => (await load()).runE2eHistory(options, context));
  examples(history, [
    ['clm e2e history --channel beta', 'runs of a channel, newest first'],
    ['clm e2e history --commit 3f2a1bc --grid clusters', 'is it everywhere, or one cluster?'],
    ['clm e2e history --cluster kube-1 --grid runs', 'what one cluster has done lately'],
  ]);
  const show = withConnection(e2e.command('show'))
    .argument('<run>', 'its id, as `clm e2e history -o wide` names it')
    .summary('one run with every result')
    .addOption(outputOption())
    .action(async (run: string, options: ConnectionOptions & { output: OutputFormat }) =>
      (await load()).runE2eShow(run, options, context),
    );
  examples(show, [['clm e2e show e2e:update:dev:…/0', 'what each check found']]);
  const flakes = historyOptions(e2e.command('flakes'))
    .summary('which checks cannot be trusted, by how often they change their mind')
    .addOption(new Option('--min-runs <n>', 'fewer runs give no rate').argParser(wholeNumber).default(5))
    .action(async (options: HistoryOptions & { minRuns: number }) => (await load()).runE2eFlakes(options, context));
  examples(flakes, [['clm e2e flakes --since 30d', 'the flakiest first; failures that last are no flakes']]);
  const failures = historyOptions(e2e.command('failures'))
    .summary('failures that say the same, over all clusters')
    .action(async (options: HistoryOptions) => (await load()).runE2eFailures(options, context));
  examples(failures, [['clm e2e failures --channel alpha', 'the most frequent first']]);
  const exporting = historyOptions(e2e.command('export'))
    .argument('<folder>', 'where to write')
    .summary('write runs as Prow does, for TestGrid and Spyglass')
    .action(async (folder: string, options: HistoryOptions) => (await load()).runE2eExport(folder, options, context));
  examples(exporting, [
    ['clm e2e export ./bucket --since 1d', 'logs/<job>/<build>/started.json, finished.json, artifacts/junit_01.xml'],
  ]);
  const importing = withConnection(e2e.command('import'))
    .argument('<folder|file.xml>', 'runs as Prow writes them, or one JUnit report')
    .requiredOption('--contact <who>', 'who answers for these results')
    .requiredOption('--cluster <name>', 'the cluster that they are about')
    .option('--as <name>', 'who asks, when not the user of this shell')
    .addOption(outputOption())
    .summary('keep runs that were made elsewhere')
    .action(async (folder: string, options: ImportOptions) => {
      const { runE2eImport } = await import('../run/e2e-import.ts');
      await runE2eImport(folder, options, context);
    });
  examples(importing, [
    ['clm e2e import ./bucket --contact team@example.org --cluster nightly', 'every run below the folder, or none'],
    [
      'clm e2e import chainsaw-report.xml --contact team@example.org --cluster kube-1',
      'a report of chainsaw, Ginkgo or others',
    ],
  ]);
}
