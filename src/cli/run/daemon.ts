/** `clm daemon` */
import { loadDaemonConfig } from '../../daemon/config.ts';
import { BadDaemonInput, runDaemon } from '../../daemon/daemon.ts';
import { FailureError } from '../../domain/failure.ts';
import { createLogger } from '../../support/logger.ts';
import { programVersion } from '../../support/project.ts';
import type { CommandContext } from '../command.ts';
import { badInput, CliError, exitCodes } from '../exit.ts';

export async function runDaemonCommand(options: { config: string }, { io }: CommandContext): Promise<void> {
  const { config, problems } = loadDaemonConfig(options.config, io.environment);
  if (config === undefined) throw badInput(`${options.config} cannot be used; nothing was touched`, problems);
  const log = createLogger({ level: config.logLevel });
  try {
    const end = await runDaemon(config, {
      signal: io.signal,
      log,
      version: programVersion(),
      environment: io.environment,
      onStandby: () => io.err('another daemon holds the lease; waiting for it to end\n'),
    });
    if (end === 'lease-lost')
      throw new CliError(exitCodes.failed, 'the lease was lost: another daemon may act now, so this one has ended');
  } catch (error) {
    if (error instanceof BadDaemonInput) throw badInput(error.message, error.problems);
    if (!(error instanceof FailureError)) throw error;
    const { code, message } = error.failure;
    throw badInput('the daemon cannot start', [
      { file: placeOf(code, config.store.path, options.config), message, remedy: `clm explain ${code}` },
    ]);
  }
}

function placeOf(code: string, store: string, config: string): string {
  return code.startsWith('store-') ? store : config;
}
