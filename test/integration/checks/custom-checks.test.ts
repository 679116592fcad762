/** Containers and suites of others, judged by all that they say; how they are told apart by exit code, report and message. */
import { describe, expect, it } from 'vitest';
import { judgeOwnWords } from '../../../src/checks/own-container.ts';
import { customCases } from './cases/custom-cases.ts';
import { describeChecks } from './check-cases.ts';
import { CheckWorld } from './check-world.ts';

describeChecks(customCases);

describe('a container of somebody else', () => {
  const wanted = { name: 'custom', image: 'own:1', withinMs: 60_000 };
  const said =
    (message: string, code = 0) =>
    () =>
      judgeOwnWords(wanted, { code, message, log: 'its last words' });

  it('may say in its termination message what its code does not', () => {
    expect(said('')()).toBe('own:1 ended with code 0');
    expect(said('all is well')()).toBe('own:1 ended with code 0');
    expect(said('{"ok":true,"errors":[]}')()).toBe('own:1 ended with code 0');
    expect(said('{"ok":false,"errors":["no mail"]}')).toThrow(
      'own:1 said in its termination message that it is not well: no mail',
    );
    expect(said('{"ok":false}')).toThrow('it does not say why');
    expect(said('{"ok":true}', 3)).toThrow('own:1 ended with code 3: its last words');
  });

  it('has its tests kept for history, and its report as a file', async () => {
    const world = await CheckWorld.create();
    const content = '<testsuites><testsuite name="own"><testcase name="a" time="2"/></testsuite></testsuites>';
    Object.assign(world.cluster.configItems, {
      e2e_custom_image: 'clm-probe:1',
      e2e_custom_results: 'junit',
      e2e_custom_args: JSON.stringify(['file-write', '--path', '/results/junit.xml', '--content', content]),
    });
    const result = (await world.run({ profile: 'full', only: ['custom.container'] }))['custom.container'];
    expect(result).toMatchObject({
      outcome: 'pass',
      message: '1 tests of clm-probe:1 passed',
      cases: [{ name: 'a', outcome: 'pass', durationMs: 2_000 }],
    });
    expect(world.artifacts.get('custom.container/junit.xml')).toBe(content);
  });

  it('is not asked for results of a kind that nobody knows', async () => {
    const world = await CheckWorld.create();
    Object.assign(world.cluster.configItems, { e2e_custom_image: 'clm-probe:1', e2e_custom_results: 'tap' });
    const result = (await world.run({ profile: 'full', only: ['custom.container'] }))['custom.container'];
    expect(result).toMatchObject({ outcome: 'skipped', skipCode: 'CONFIG_MISSING' });
    expect(result?.message).toBe("e2e_custom_results 'tap' is not understood; junit and report are");
  });
});
