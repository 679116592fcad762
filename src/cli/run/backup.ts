/** `clm backup` */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { configOf, withProgress } from '../connection.ts';
import { badInput } from '../exit.ts';
import { openStoreForBackup } from '../offline-reader.ts';
import { printDocument } from '../output.ts';

export async function runBackup(
  file: string,
  options: ConnectionOptions & { output: OutputFormat },
  { io }: CommandContext,
): Promise<void> {
  const config = await configOf(options, io);
  const target = path.resolve(file);
  if (existsSync(target)) throw badInput(`${file} exists; a backup overwrites nothing`);
  const store = await openStoreForBackup(config);
  try {
    await withProgress(io, 'copying the store', store.backup(target));
  } finally {
    await store.close();
  }
  await printDocument(io, options.output, { file: target }, () => [target]);
}
