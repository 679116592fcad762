import { InvalidArgumentError, Option } from 'commander';
import { examples, type RegisterCommand, wholeNumber } from './command.ts';
import type { DemoOptions } from './demo/options.ts';

interface Flags {
  speed: number;
  clusters: number;
  break?: 'e2e' | 'pdb';
  keep?: boolean;
  output: 'text' | 'json';
  seed?: string;
  kills: number;
  timeout: number;
  directory?: string;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a positive number.');
  return value;
};

const fewest = 4;
const most = 84;
const clusterCount = (text: string): number => {
  const count = wholeNumber(text);
  if (count < fewest || count > most) throw new InvalidArgumentError(`It must be ${fewest} to ${most}.`);
  return count;
};

/** `clm demo`: the whole job on a simulated fleet. */
export const register: RegisterCommand = (program, context) => {
  const command = program
    .command('demo')
    .summary('the whole job on a simulated fleet')
    .description(
      'Starts a simulated fleet (AWS and Kubernetes APIs on loopback), a git repository and the daemon; merges a change that replaces every node to dev; follows it to stable. Exit code 0 promoted, 1 halted, 3 blocked.',
    )
    .option('--speed <rate>', 'simulated seconds a second', positive, 240)
    .option('--clusters <n>', `clusters of the sample fleet, ${fewest} to ${most}`, clusterCount, most)
    .addOption(
      new Option('--break <what>', 'break the dev cluster: its checks, or a budget that never allows').choices([
        'e2e',
        'pdb',
      ]),
    )
    .option('--keep', 'go on serving when it is over, until Ctrl-C')
    .addOption(
      new Option('-o, --output <format>', 'text, or one JSON document as the last line')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--seed <seed>', 'decides boot times, pod placement and team workloads', 'demo')
    .option('--kills <n>', 'kill the daemon this many times at random moments', wholeNumber, 0)
    .option('--timeout <seconds>', 'give up after this many seconds', wholeNumber, 900)
    .option('--directory <path>', 'where to keep repository, database and logs (default: a temporary folder)')
    .action(async (flags: Flags) => {
      const { runDemo } = await import('./demo/run-demo.ts');
      const options: DemoOptions = {
        speed: flags.speed,
        clusters: flags.clusters,
        break: flags.break,
        keep: flags.keep === true,
        output: flags.output,
        seed: flags.seed ?? 'demo',
        kills: flags.kills,
        timeoutSeconds: flags.timeout,
        directory: flags.directory,
      };
      context.exitWith(await runDemo(options, context.io));
    });
  examples(command, [
    ['npm run demo', '84 clusters, three to four minutes'],
    ['npm run demo -- --clusters 6', 'a small fleet'],
    ['npm run demo -- --break e2e --clusters 6', 'a failing check halts at dev'],
    ['npm run demo -- --break pdb --clusters 6', 'a budget that never allows blocks, and is named'],
    ['npm run -s demo -- -o json', 'for scripts'],
  ]);
};
