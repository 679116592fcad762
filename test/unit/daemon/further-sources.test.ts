import { describe, expect, it } from 'vitest';
import { type FurtherSource, wholeTree } from '../../../src/daemon/further-sources.ts';
import { FailureError, terminal, transient } from '../../../src/domain/failure.ts';

const onMain = 'a'.repeat(40);
const aside = 'b'.repeat(40);
const unpushed = 'c'.repeat(40);
const bare = 'd'.repeat(40);

/** A repository with `onMain` on its branch, `aside` off it, `bare` without a configuration. */
function shared(changes: Partial<FurtherSource> = {}): FurtherSource {
  return {
    name: 'shared',
    path: 'conf',
    branch: undefined,
    source: {
      fetch: async (branches) => ({
        heads: branches.filter((one) => one === 'main').map((branch) => ({ branch, commit: onMain })),
        problems: [],
      }),
      isAncestor: async (commit, head) => commit === head,
      readTree: async (commit) => {
        if (commit === unpushed) throw new FailureError(terminal('git-unknown-commit', 'unknown'));
        if (commit === bare) throw new FailureError(terminal('git-path-missing', 'no folder'));
        return new Map([['manifests/x/y.yaml', `of: ${commit}`]]);
      },
    },
    ...changes,
  };
}

const pinning = (...pins: [name: string, commit: string][]): Map<string, string> =>
  new Map([
    ['cluster.yaml', 'Resources: {}'],
    [
      'config-sources.yaml',
      `# what belongs to it\nsources:\n${pins.map(([name, commit]) => `  - name: ${name}\n    commit: ${commit}\n`).join('')}`,
    ],
  ]);

async function problemsOf(base: Map<string, string>, further: FurtherSource[]): Promise<string[]> {
  const whole = await wholeTree(base, further);
  if (whole.ok) throw new Error('there is no problem');
  return whole.problems.map(({ file, line, message, remedy }) => `${file}:${line}: ${message} → ${remedy}`);
}

describe('the commits of further repositories that a commit pins', () => {
  it('bring their files under the names of their sources, in their order', async () => {
    const whole = await wholeTree(pinning(['shared', aside], ['team', onMain]), [shared({ name: 'team' }), shared()]);
    if (!whole.ok) throw new Error('it has problems');
    expect([...whole.tree]).toEqual([
      ...pinning(['shared', aside], ['team', onMain]),
      ['@shared/manifests/x/y.yaml', `of: ${aside}`],
      ['@team/manifests/x/y.yaml', `of: ${onMain}`],
    ]);
    expect(whole.pins.map((pin) => pin.name)).toEqual(['shared', 'team']);
  });

  it('are none where the file is not there, whatever clm.yaml names', async () => {
    const base = new Map([['cluster.yaml', 'Resources: {}']]);
    expect(await wholeTree(base, [shared()])).toEqual({ ok: true, tree: base, pins: [] });
  });

  it('are told all at once when they cannot be meant, each with its line', async () => {
    const base = pinning(['shard', onMain], ['shared', onMain], ['shared', aside]);
    expect(await problemsOf(base, [shared()])).toEqual([
      'config-sources.yaml:3: clm.yaml has no source shard → write shared, or name the repository under configRepository.further of clm.yaml',
      'config-sources.yaml:7: source shared is named twice → keep one of the two',
    ]);
    const [short] = await problemsOf(pinning(['shared', 'v1.2']), [shared()]);
    expect(short).toMatch(/^config-sources\.yaml:4: 'v1\.2' is no full commit id → write all digits/);
  });

  it('have to be there, with a configuration, and on their branch', async () => {
    const further = [shared(), shared({ name: 'main', branch: 'main' }), shared({ name: 'gone', branch: 'gone' })];
    const base = pinning(['shared', unpushed], ['main', aside], ['gone', onMain]);
    expect(await problemsOf(base, further)).toEqual([
      'config-sources.yaml:4: source shared has no commit cccccccccccc → push the commit there, or pin one that it has',
      `config-sources.yaml:6: bbbbbbbbbbbb is not on branch main of source main → pin a commit of that branch, whose head is ${onMain}`,
      'config-sources.yaml:8: source gone has no branch gone → push the branch, or correct configRepository.further of clm.yaml',
    ]);
    expect(await problemsOf(pinning(['shared', bare]), [shared()])).toEqual([
      'config-sources.yaml:4: dddddddddddd of source shared has no folder conf → pin a commit that has it, or correct the path in configRepository.further of clm.yaml',
    ]);
    expect(await wholeTree(pinning(['main', onMain]), further)).toMatchObject({ ok: true });
  });

  it('are asked for after a fetch when the mirror is older, and a repository that cannot be reached is no problem of theirs', async () => {
    const late = shared();
    let fetched = false;
    const { readTree } = late.source;
    late.source.fetch = async () => {
      fetched = true;
      return { heads: [], problems: [] };
    };
    late.source.readTree = async (commit, path) => readTree(fetched ? commit : unpushed, path);
    expect(await wholeTree(pinning(['shared', onMain]), [late])).toMatchObject({ ok: true });
    late.source.readTree = () => Promise.reject(new FailureError(transient('git-unreachable', 'away')));
    await expect(wholeTree(pinning(['shared', onMain]), [late])).rejects.toThrow('away');
  });
});
