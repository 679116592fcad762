/** `clm validate` */
import { checkInput } from '../../daemon/check-input.ts';
import { loadDaemonConfig } from '../../daemon/config.ts';
import type { Problem } from '../../domain/problem.ts';
import { formatDuration } from '../../support/duration.ts';
import { silentLogger } from '../../support/logger.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { withProgress } from '../connection.ts';
import { badInput, exitCodes } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { renderTable } from '../view/table.ts';
import { warningLines } from '../view/warning-lines.ts';
import { modelLookups } from '../what-if/model-lookups.ts';

export async function runValidate(
  options: ConnectionOptions & { output: OutputFormat },
  { io, exitWith }: CommandContext,
): Promise<void> {
  const file = options.config ?? 'clm.yaml';
  const { config, problems } = loadDaemonConfig(file, io.environment);
  const machine = options.output === 'json' || options.output === 'yaml';
  const refuse = async (found: Problem[]): Promise<void> => {
    if (!machine)
      throw badInput(`${found.length === 1 ? '1 problem' : `${found.length} problems`}; nothing was touched`, found);
    await printDocument(io, options.output, { ok: false, problems: found }, () => []);
    exitWith(exitCodes.badInput);
  };
  if (config === undefined) return refuse(problems);
  let guessed = 0;
  const standIns = modelLookups(() => {
    guessed += 1;
  });
  const checked = await withProgress(
    io,
    'checking configuration, registry and repository, and rendering every cluster',
    checkInput(config, { log: silentLogger(), render: true, standIns }),
  );
  if (checked.problems.length > 0) return refuse(checked.problems);
  const channels = (checked.pipeline?.channels ?? []).map((channel) => ({
    name: channel.name,
    head: checked.heads[channel.branch],
    promotesTo: channel.promotesTo,
    clusters: checked.clusters.filter((cluster) => cluster.channel === channel.name).length,
    waves: channel.waves,
    maxParallel: channel.maxParallel,
    maxFailures: channel.maxFailures,
    soakSeconds: channel.soakMs / 1000,
    e2eProfile: channel.e2eProfile,
    blockLimitSeconds: channel.blockLimitMs / 1000,
    progressDeadlineSeconds: channel.progressDeadlineMs / 1000,
  }));
  const warnings = [...checked.warnings, ...guesses(guessed)];
  const document = {
    ok: true,
    problems: [],
    warnings,
    clusters: checked.clusters.length,
    rendered: checked.rendered,
    channels,
  };
  await printDocument(io, options.output, document, (wide) => [
    ...renderTable(
      channels,
      [
        { title: 'CHANNEL', value: (channel) => channel.name },
        { title: 'HEAD', value: (channel) => channel.head?.slice(0, 7) ?? '-' },
        { title: 'CLUSTERS', value: (channel) => String(channel.clusters) },
        {
          title: 'WAVES',
          value: (channel) => channel.waves.map((wave) => `${wave.name} ${wave.size}`).join(', '),
          shrinks: true,
        },
        { title: 'PARALLEL', value: (channel) => String(channel.maxParallel) },
        { title: 'FAILURES', value: (channel) => String(channel.maxFailures) },
        { title: 'SOAK', value: (channel) => formatDuration(channel.soakSeconds * 1000) },
        { title: 'E2E', value: (channel) => channel.e2eProfile },
        { title: 'BLOCK LIMIT', value: (channel) => formatDuration(channel.blockLimitSeconds * 1000), wide: true },
        { title: 'DEADLINE', value: (channel) => formatDuration(channel.progressDeadlineSeconds * 1000), wide: true },
        { title: 'PROMOTES TO', value: (channel) => channel.promotesTo.join(', ') },
      ],
      { columns: tableColumns(io), wide, colors: colorsOf(io) },
    ),
    ...warningLines(warnings),
    '',
    `${checked.clusters.length} clusters, ${checked.accounts.length} accounts; ${checked.rendered} clusters render. Nothing is wrong${warnings.length === 0 ? '' : '; see the warnings'}.`,
  ]);
}

/** What templates look up in the cloud is not what is checked here, but without some answer nothing would render. */
function guesses(count: number): Problem[] {
  if (count === 0) return [];
  const message = `${count === 1 ? '1 look-up of the templates is' : `${count} look-ups of the templates are`} not recorded: stand-ins were rendered with`;
  return [{ file: '-', message, remedy: 'to render with what the cloud says: clm render --live' }];
}
