/** The `clm` command: registers every command, runs one, and turns errors into exit codes. */
import { Command, CommanderError } from 'commander';
import { programVersion } from '../support/project.ts';
import type { CommandContext, RegisterCommand } from './command.ts';
import { registerAdopt } from './commands/adopt.ts';
import { registerApprovals } from './commands/approvals.ts';
import { registerAudit } from './commands/audit.ts';
import { registerBackup } from './commands/backup.ts';
import { registerClusters } from './commands/clusters.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerConfirm } from './commands/confirm.ts';
import { registerDaemon } from './commands/daemon.ts';
import { registerE2e } from './commands/e2e.ts';
import { registerEvents } from './commands/events.ts';
import { registerExplain } from './commands/explain.ts';
import { registerInit } from './commands/init.ts';
import { registerHotfix, registerPromote, registerRollback, registerStopTheLine } from './commands/moves.ts';
import { registerNotifications } from './commands/notifications.ts';
import { registerOverrides } from './commands/overrides.ts';
import { registerPause } from './commands/pause.ts';
import { registerPlan } from './commands/plan.ts';
import { registerRefresh } from './commands/refresh.ts';
import { registerRegistry } from './commands/registry.ts';
import { registerRender } from './commands/render.ts';
import { registerResume } from './commands/resume.ts';
import { registerRetry } from './commands/retry.ts';
import { registerRoll } from './commands/roll.ts';
import { registerRollouts } from './commands/rollouts.ts';
import { registerStatus } from './commands/status.ts';
import { registerValidate } from './commands/validate.ts';
import { registerWhy } from './commands/why.ts';
import { CliError, errorText, exitCodes } from './exit.ts';
import { type CliIo, processIo } from './io.ts';

const registrations: RegisterCommand[] = [
  registerStatus,
  registerWhy,
  registerClusters,
  registerRollouts,
  registerEvents,
  registerE2e,
  registerNotifications,
  registerDaemon,
  registerInit,
  registerValidate,
  registerRender,
  registerAdopt,
  registerPlan,
  registerPause,
  registerResume,
  registerRoll,
  registerRetry,
  registerOverrides,
  registerApprovals,
  registerPromote,
  registerHotfix,
  registerRollback,
  registerStopTheLine,
  registerRefresh,
  registerConfirm,
  registerExplain,
  registerRegistry,
  registerAudit,
  registerBackup,
  registerCompletion,
];

/** Commands that wire the simulator: loaded only when they are asked for, or listed. */
const separateCommands: Record<string, () => Promise<{ register: RegisterCommand }>> = {
  demo: () => import('./demo.ts'),
  simulate: () => import('./simulate.ts'),
};

/** Runs one command line; resolves with the exit code. Output goes to `io`, the process's own unless given. */
export async function main(args: string[], io: CliIo = processIo(interruptSignal())): Promise<number> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    io.out(`${programVersion()}\n`);
    return exitCodes.well;
  }
  let exitCode: number = exitCodes.well;
  const context: CommandContext = {
    io,
    exitWith: (code) => {
      exitCode = code;
    },
  };
  const program = await createProgram(args, context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.well : exitCodes.badInput;
    if (error instanceof CliError) {
      io.err(errorText(error));
      return error.exitCode;
    }
    io.err(`clm: ${unexpected(error, io.environment)}\n`);
    return exitCodes.failed;
  }
}

async function createProgram(args: string[], context: CommandContext): Promise<Command> {
  const { io } = context;
  const program = new Command('clm')
    .description('Cluster lifecycle manager: rolls a change through a fleet of Kubernetes clusters, on evidence.')
    .version(programVersion())
    // what follows the name of a command is that command's, whichever options its parent has
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      getOutHelpWidth: () => Math.min(100, io.columns()),
      getErrHelpWidth: () => Math.min(100, io.columns()),
    })
    .showSuggestionAfterError()
    .showHelpAfterError('(clm --help lists the commands)')
    .addHelpText('after', exitCodeHelp);
  for (const register of registrations) register(program, context);
  const listed = args.length === 0 || args.some((arg) => arg === '--help' || arg === '-h' || arg === 'help');
  for (const [name, load] of Object.entries(separateCommands)) {
    if (listed || args.includes(name)) (await load()).register(program, context);
  }
  return program;
}

const exitCodeHelp = `
Exit codes: 0 well, 1 failed, 2 bad input, 3 blocked or refused, 4 daemon not reachable.
The daemon's settings are read from clm.yaml here, or --config FILE, or CLM_CONFIG.
`;

function unexpected(error: unknown, environment: NodeJS.ProcessEnv): string {
  if (!(error instanceof Error)) return String(error);
  return environment['CLM_DEBUG'] === undefined
    ? `${error.message} (CLM_DEBUG=1 shows where)`
    : (error.stack ?? error.message);
}

/** The first Ctrl-C asks the command to end; a second one ends the process. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}
