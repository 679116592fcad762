/** Secrets by reference: settings name where a secret is, and it is read each time it is needed. */
import { readFile } from 'node:fs/promises';
import { hideValues } from './redact.ts';

/** An environment variable of the daemon, or a file. */
export type SecretReference = { env: string } | { file: string };

/** The secret, and no logged or stored text may hold it from then on; a sentence says why there is none. */
export async function readSecret(
  reference: SecretReference,
  environment: NodeJS.ProcessEnv,
): Promise<{ secret: string } | { missing: string }> {
  const found = 'env' in reference ? environment[reference.env] : await textOf(reference.file);
  const secret = found?.trim() ?? '';
  if (secret === '') {
    const where = 'env' in reference ? `environment variable ${reference.env}` : `file ${reference.file}`;
    return { missing: `${where} of the daemon is not set, or empty` };
  }
  hideValues([secret]);
  return { secret };
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
