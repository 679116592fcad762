import { describe, expect, it } from 'vitest';
import { environmentName, parseDaemonConfig } from '../../../src/daemon/config.ts';

const smallest = `configRepository:
  url: https://git.example/config.git
registry:
  path: clusters
accounts: accounts.yaml
pipeline: pipeline.yaml
`;

describe('clm.yaml', () => {
  it('needs little, and resolves paths against its own folder', () => {
    const { config } = parseDaemonConfig('/etc/clm/clm.yaml', smallest, {});
    expect(config).toMatchObject({
      stateDir: '/etc/clm/.clm',
      configRepository: { url: 'https://git.example/config.git', path: 'cluster', pollIntervalMs: 30_000 },
      registry: { kind: 'directory', path: '/etc/clm/clusters' },
      pipeline: { file: '/etc/clm/pipeline.yaml' },
      store: { kind: 'sqlite', path: '/etc/clm/.clm/clm.db' },
      api: { socket: '/etc/clm/.clm/clm.sock', metricsListen: { host: '127.0.0.1', port: 9095 } },
    });
  });

  it('lists every problem at once, each with its line, path and remedy', () => {
    const text = `configRepository:
  url: https://git.example/config.git
  pollInterval: soon
  pollIntervall: 5s
registry:
  path: 7
accounts: accounts.yaml
pipeline: pipeline.yaml
concurrency:
  steps: 0
logLevel: loud
`;
    const { problems } = parseDaemonConfig('clm.yaml', text, {});
    expect(problems.map((problem) => [problem.line, problem.path])).toEqual(
      expect.arrayContaining([
        [3, 'configRepository.pollInterval'],
        [4, 'configRepository.pollIntervall'],
        [6, 'registry.path'],
        [10, 'concurrency.steps'],
        [11, 'logLevel'],
      ]),
    );
    expect(problems).toHaveLength(5);
    for (const problem of problems) expect(problem.remedy).not.toBe('');
  });

  it('names further repositories, with mirrors of their own, and tells what is wrong with them', () => {
    const having = (further: string): string => smallest.replace('config.git\n', `config.git\n  further:\n${further}`);
    const { config } = parseDaemonConfig(
      '/etc/clm/clm.yaml',
      having(
        '    - {name: shared, url: ../shared.git, branch: main}\n    - {name: team-2, url: "git@host:t.git", path: conf}\n',
      ),
      {},
    );
    expect(config?.configRepository.further).toEqual([
      {
        name: 'shared',
        url: '/etc/shared.git',
        path: 'cluster',
        branch: 'main',
        mirrorPath: '/etc/clm/.clm/mirrors/shared.git',
      },
      { name: 'team-2', url: 'git@host:t.git', path: 'conf', mirrorPath: '/etc/clm/.clm/mirrors/team-2.git' },
    ]);
    const twice = parseDaemonConfig('clm.yaml', having('    - {name: a, url: x}\n    - {name: a, url: y}\n'), {});
    expect(twice.problems).toMatchObject([
      { line: 5, path: 'configRepository.further[1].name', message: 'source a is named twice' },
    ]);
    const odd = parseDaemonConfig('clm.yaml', having('    - {name: ../up, url: x}\n    - {name: b}\n'), {});
    expect(odd.problems.map(({ line, path }) => [line, path])).toEqual([
      [4, 'configRepository.further[0].name'],
      [5, 'configRepository.further[1].url'],
    ]);
  });

  it('places what is missing at the section that lacks it', () => {
    const { problems } = parseDaemonConfig('clm.yaml', smallest.replace('accounts: accounts.yaml\n', ''), {});
    expect(problems).toEqual([expect.objectContaining({ path: 'accounts', line: 1 })]);
  });

  it('takes the registry from a service, which has the accounts too', () => {
    const service = smallest
      .replace('  path: clusters\n', '  kind: http\n  url: https://registry.example\n  tokenFile: token\n')
      .replace('accounts: accounts.yaml\n', '');
    expect(parseDaemonConfig('/etc/clm/clm.yaml', service, {}).config?.registry).toEqual({
      kind: 'http',
      url: 'https://registry.example',
      tokenFile: '/etc/clm/token',
      timeoutMs: 30_000,
    });
  });

  it('refuses settings of one kind of registry for another', () => {
    const mixed = smallest.replace('  path: clusters\n', '  kind: http\n  path: clusters\n');
    expect(parseDaemonConfig('clm.yaml', mixed, {}).problems.map((problem) => [problem.path, problem.message])).toEqual(
      [
        ['registry.path', 'path has no meaning for kind http'],
        ['accounts', 'a registry of kind http has the accounts too'],
        ['registry', 'registry.url is missing'],
      ],
    );
    const other = smallest.replace('  path: clusters\n', '  url: https://registry.example\n  token: x\n');
    expect(parseDaemonConfig('clm.yaml', other, {}).problems.map((problem) => problem.path)).toEqual([
      'registry.url',
      'registry.token',
      'registry',
    ]);
  });

  it('names the line of broken YAML', () => {
    const { problems } = parseDaemonConfig('clm.yaml', 'a: 1\nb: [1,\nc: }\n', {});
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) expect(problem.line).toBeGreaterThan(1);
  });

  it('lets the environment override, and blames the variable for a bad value', () => {
    const good = parseDaemonConfig('/c/clm.yaml', smallest, {
      CLM_STORE: 'sqlite:/data/clm.db',
      CLM_API_METRICS_LISTEN: 'off',
      CLM_CONCURRENCY_STEPS: '5',
    });
    expect(good.config?.store.path).toBe('/data/clm.db');
    expect(good.config?.api.metricsListen).toBeUndefined();
    expect(good.config?.concurrency.steps).toBe(5);
    const bad = parseDaemonConfig('/c/clm.yaml', smallest, { CLM_LOG_LEVEL: 'loud' });
    expect(bad.problems).toEqual([
      expect.objectContaining({ file: 'environment variable CLM_LOG_LEVEL', path: 'logLevel' }),
    ]);
  });

  it('derives the names of variables from the paths of settings', () => {
    expect(environmentName('configRepository.pollInterval')).toBe('CLM_CONFIG_REPOSITORY_POLL_INTERVAL');
  });

  it('refuses a socket path that the system cannot hold', () => {
    const { problems } = parseDaemonConfig('/c/clm.yaml', `${smallest}api:\n  socket: /${'x'.repeat(120)}\n`, {});
    expect(problems).toEqual([expect.objectContaining({ path: 'api.socket', line: 8 })]);
  });

  it('refuses a template of addresses that would give all clusters the same one', () => {
    const text = `${smallest}providers:\n  kubernetes:\n    urlTemplate: https://gateway.example/\n`;
    const { problems } = parseDaemonConfig('/c/clm.yaml', text, {});
    expect(problems).toEqual([expect.objectContaining({ path: 'providers.kubernetes.urlTemplate' })]);
  });

  it('keeps addresses of remote repositories, and makes local ones absolute', () => {
    const urlOf = (url: string) =>
      parseDaemonConfig('/c/clm.yaml', smallest.replace('https://git.example/config.git', url), {}).config
        ?.configRepository.url;
    expect(urlOf('git@git.example:team/config.git')).toBe('git@git.example:team/config.git');
    expect(urlOf('../config.git')).toBe('/config.git');
  });
});
