/** `clm registry serve` and `clm registry token` */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Problem } from '../../domain/problem.ts';
import { openDirectoryRegistry } from '../../sources/registry/directory-registry.ts';
import { openRegistryBook } from '../../sources/registry/server/registry-book.ts';
import { startRegistryServer } from '../../sources/registry/server/registry-server.ts';
import { callersOf, newToken, parseTokens } from '../../sources/registry/server/tokens.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import { createLogger } from '../../support/logger.ts';
import { programVersion } from '../../support/project.ts';
import type { CommandContext } from '../command.ts';
import { badInput, CliError, exitCodes } from '../exit.ts';

export interface ServeRegistryFlags {
  clusters: string;
  accounts: string;
  listen: { host: string; port: number };
  tokens?: string;
  auth: boolean;
  state: string;
  tlsCert?: string;
  tlsKey?: string;
}

export async function serveRegistry(flags: ServeRegistryFlags, { io }: CommandContext): Promise<void> {
  const problems = flagProblems(flags);
  const places = {
    directory: process.cwd(),
    clusters: path.resolve(flags.clusters),
    accountsFile: path.resolve(flags.accounts),
  };
  const read = await openDirectoryRegistry(places).read();
  problems.push(...read.problems);
  if (problems.length > 0) throw badInput('the registry cannot be served like this', problems);
  const book = openRegistryBook({ ...places, statusDirectory: path.resolve(flags.state) });
  const clock = clockFromEnvironment(undefined);
  const server = await startRegistryServer({
    book,
    listen: flags.listen,
    callers: flags.tokens === undefined ? undefined : callersOf(path.resolve(flags.tokens), () => clock.now()),
    tls:
      flags.tlsCert === undefined || flags.tlsKey === undefined
        ? undefined
        : { certificate: readFileSync(flags.tlsCert, 'utf8'), key: readFileSync(flags.tlsKey, 'utf8') },
    version: programVersion(),
    log: createLogger({ level: 'info' }),
  }).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    const { host, port } = flags.listen;
    throw new CliError(exitCodes.failed, `${host}:${port} cannot be listened on: ${code ?? message}`);
  });
  io.err(
    `${read.clusters.length} clusters and ${read.accounts.length} accounts at ${server.url}; its API: ${server.url}/openapi.json\n` +
      `in clm.yaml: registry: {kind: http, url: ${server.url}${flags.tokens === undefined ? '' : ', tokenFile: FILE'}}\nCtrl-C ends it\n`,
  );
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close();
}

function flagProblems(flags: ServeRegistryFlags): Problem[] {
  const problems: Problem[] = [];
  const add = (option: string, message: string, remedy: string): void => {
    problems.push({ file: option, message, remedy });
  };
  const loopback = ['127.0.0.1', '::1', 'localhost'].includes(flags.listen.host);
  if (flags.tokens === undefined && flags.auth)
    add('--tokens', 'nobody could use it', 'name a file of tokens (clm registry token makes one), or write --no-auth');
  if (flags.tokens === undefined && !flags.auth && !loopback)
    add('--no-auth', `would let everybody change the registry at ${flags.listen.host}`, 'name a file of tokens');
  if (flags.tokens !== undefined) problems.push(...tokenProblems(flags.tokens));
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined))
    add('--tls-cert', 'certificate and key belong together', 'give both --tls-cert and --tls-key');
  for (const [option, file] of [
    ['--tls-cert', flags.tlsCert],
    ['--tls-key', flags.tlsKey],
  ] as const) {
    if (file !== undefined && !existsSync(file)) add(option, `${file} does not exist`, 'correct the path');
  }
  if (!loopback && flags.tlsCert === undefined && flags.auth)
    add(
      '--listen',
      `tokens would travel in the clear to ${flags.listen.host}`,
      'give --tls-cert and --tls-key, or listen on 127.0.0.1 behind a proxy that ends TLS',
    );
  return problems;
}

function tokenProblems(file: string): Problem[] {
  try {
    return parseTokens(file, readFileSync(file, 'utf8')).problems;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return [{ file, message: `cannot be read (${code})`, remedy: 'create it: clm registry token makes an entry' }];
  }
}

const longestDays = 366;

export function printToken(
  { name, access, days }: { name: string; access: 'read' | 'write'; days: string },
  { io }: CommandContext,
): void {
  if (name.trim() === '' || name.length > 100)
    throw badInput('--name is no name', [
      { file: '--name', message: 'a token has a name of 1 to 100 characters', remedy: 'write who will use it' },
    ]);
  const count = Number(days);
  if (!Number.isInteger(count) || count < 1 || count > longestDays)
    throw badInput('--days is out of range', [
      { file: '--days', message: `'${days}' is no number of days`, remedy: `write 1 to ${longestDays}` },
    ]);
  const expires = new Date(clockFromEnvironment(undefined).now() + count * 86_400_000).toISOString().slice(0, 10);
  const { token, entry } = newToken(name, access, expires);
  io.err('The token, shown once; keep it in the file that registry.tokenFile names, readable by clm alone:\n');
  io.out(`${token}\n`);
  io.err(`\nThe entry for the file of tokens (below its line "tokens:"):\n${entry}`);
}
