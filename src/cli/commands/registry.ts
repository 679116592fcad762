import { InvalidArgumentError, Option } from 'commander';
import { examples, type RegisterCommand } from '../command.ts';
import type { ServeRegistryFlags } from '../run/registry.ts';

const address = (text: string): { host: string; port: number } => {
  const match = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) throw new InvalidArgumentError('It must be host:port, for example 127.0.0.1:8443.');
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
};

/** `clm registry serve` and `clm registry token` */
export const registerRegistry: RegisterCommand = (program, context) => {
  const registry = program.command('registry').summary('the cluster registry as a service');
  const serve = registry
    .command('serve')
    .summary('serve a registry of files over HTTP')
    .description(
      'Serves a folder of cluster files by the REST API that the daemon (registry.kind: http) and other programs read. Changes are checked against the whole registry and written into the files, which keep their comments; the status of clusters is kept apart.',
    )
    .option('--clusters <path>', 'folder with one file a cluster, or one file with all of them', 'clusters')
    .option('--accounts <file>', 'the infrastructure accounts', 'registry/infrastructure-accounts.yaml')
    .addOption(
      new Option('--listen <host:port>', 'where to answer')
        .argParser(address)
        .default({ host: '127.0.0.1', port: 8440 }, '127.0.0.1:8440'),
    )
    .option('--tokens <file>', 'who may use it: see `clm registry token`')
    .option('--no-auth', 'let everybody in; only on a loopback address')
    .option('--state <directory>', 'where the status of clusters is kept', '.clm/registry')
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .action(async (flags: ServeRegistryFlags) => {
      const { serveRegistry } = await import('../run/registry.ts');
      await serveRegistry(flags, context);
    });
  examples(serve, [
    ['clm registry serve --no-auth', 'the files of this checkout, for programs on this machine'],
    ['clm registry serve --listen 0.0.0.0:8443 --tokens tokens.yaml --tls-cert c.pem --tls-key k.pem', 'for others'],
  ]);
  const token = registry
    .command('token')
    .summary('make a bearer token')
    .description(
      'Prints a new token once, and the entry for the file of tokens that lets it in. Only its digest is kept there.',
    )
    .requiredOption('--name <name>', 'who uses it; the log says so')
    .addOption(new Option('--access <what>', 'what it may do').choices(['read', 'write']).default('read'))
    .option('--days <n>', 'how long it is good for', '90')
    .action(async (flags: { name: string; access: 'read' | 'write'; days: string }) => {
      const { printToken } = await import('../run/registry.ts');
      printToken(flags, context);
    });
  examples(registry, [
    ['clm registry serve --no-auth', 'for programs on this machine'],
    ['clm registry token --name clm --access write', 'lets one caller in'],
  ]);
  examples(token, [['clm registry token --name clm --access write', 'for the daemon']]);
};
