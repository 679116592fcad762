import { Option } from 'commander';
import { clusterStates } from '../../planning/explain/states.ts';
import {
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withConnection,
} from '../command.ts';
import { withReader } from '../connection.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';

interface ClustersOptions extends ConnectionOptions {
  output: OutputFormat;
  channel?: string;
  state?: string;
}

/** `clm clusters`: the fleet, one line a cluster. */
export const registerClusters: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withConnection(program.command('clusters'))
    .summary('the fleet, one line a cluster')
    .description('Lists the clusters of the registry with their channel, state and version.')
    .option('--channel <name>', 'only this channel')
    .addOption(new Option('--state <state>', 'only clusters in this state').choices([...clusterStates]))
    .addOption(outputOption())
    .action(async (options: ClustersOptions) => {
      const status = await withReader(options, io, (reader) => reader.status());
      const { requireChannel, renderClusters } = await import('../view/cluster-table.ts');
      if (options.channel !== undefined) requireChannel(status, options.channel);
      const clusters = status.clusters.filter(
        (cluster) =>
          (options.channel === undefined || cluster.channel === options.channel) &&
          (options.state === undefined || cluster.state === options.state),
      );
      await printDocument(io, options.output, { at: status.at, clusters }, (wide) =>
        renderClusters(clusters, { columns: tableColumns(io), wide, colors: colorsOf(io) }),
      );
    });
  examples(command, [
    ['clm clusters', 'all'],
    ['clm clusters --channel beta --state blocked', 'which ones are stuck'],
    ['clm clusters -o wide', 'with account, region and full version'],
  ]);
};
