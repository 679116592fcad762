import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseDaemonConfig } from '../../../src/daemon/config.ts';

const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ5wmk0rcRTRzC5TUPpAsgA7dr8KgSCg0vmgkTxkzwJk';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clm-signers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function parse(setting: string, environment: Record<string, string> = {}) {
  const text = `configRepository:
  url: https://git.example/config.git
${setting}registry: {path: clusters}
accounts: accounts.yaml
pipeline: pipeline.yaml
`;
  return parseDaemonConfig(join(folder, 'clm.yaml'), text, environment);
}

describe('configRepository.allowedSigners', () => {
  it('is a file beside clm.yaml, or from the environment; nobody has to give one', () => {
    const good = [
      '# people',
      '',
      `jo@example.org ssh-ed25519 ${blob}`,
      `jo@example.org,*@ops.example.org namespaces="git,file",valid-before="20300101" ssh-ed25519 ${blob} a comment`,
      `"Jo Doe,eve" cert-authority ecdsa-sha2-nistp256 ${blob}==`,
      `key@example.org namespaces="git" sk-ssh-ed25519@openssh.com ${blob}`,
    ];
    writeFileSync(join(folder, 'signers'), `${good.join('\n')}\n`);
    expect(parse('  allowedSigners: signers\n')).toMatchObject({
      config: { configRepository: { allowedSigners: join(folder, 'signers') } },
      problems: [],
    });
    const environment = { CLM_CONFIG_REPOSITORY_ALLOWED_SIGNERS: 'signers' };
    expect(parse('', environment).config?.configRepository.allowedSigners).toBe(join(folder, 'signers'));
    expect(parse('').config?.configRepository).not.toHaveProperty('allowedSigners');
  });

  it('that is not there, or cannot be read, is a problem beside the others', () => {
    mkdirSync(join(folder, 'signers'));
    const { config, problems } = parse('  allowedSigners: signers\n', { CLM_API_METRICS_LISTEN: 'nonsense' });
    expect(config).toBeUndefined();
    expect(problems).toMatchObject([
      { file: 'environment variable CLM_API_METRICS_LISTEN' },
      { line: 3, path: 'configRepository.allowedSigners', message: expect.stringContaining('cannot be read') },
    ]);
    expect(parse('', { CLM_CONFIG_REPOSITORY_ALLOWED_SIGNERS: 'nope' }).problems).toEqual([
      {
        file: 'environment variable CLM_CONFIG_REPOSITORY_ALLOWED_SIGNERS',
        path: 'configRepository.allowedSigners',
        message: `there is no file ${join(folder, 'nope')}`,
        remedy: expect.stringContaining('ssh-ed25519'),
      },
    ]);
  });

  it('names every line that ssh would not understand, and refuses a file that names nobody', () => {
    const bad = [
      `ssh-ed25519 ${blob} jo@example.org`,
      `ok@example.org ssh-ed25519 ${blob}`,
      'jo@example.org',
      'jo@example.org ssh-ed25519 not/base64',
    ];
    writeFileSync(join(folder, 'signers'), `${bad.join('\n')}\n`);
    const { problems } = parse('  allowedSigners: signers\n');
    expect(problems.map(({ file, line }) => [file, line])).toEqual([1, 3, 4].map((n) => [join(folder, 'signers'), n]));
    writeFileSync(join(folder, 'signers'), '# nobody\n\n');
    expect(parse('  allowedSigners: signers\n').problems).toMatchObject([
      { line: 3, message: expect.stringContaining('names nobody') },
    ]);
  });
});
