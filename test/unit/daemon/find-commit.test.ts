import { beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../../src/api/errors.ts';
import { commitFinder, findCommit } from '../../../src/daemon/control/commits.ts';
import type { Pipeline } from '../../../src/domain/pipeline.ts';
import { ScriptedSource } from '../../support/pipeline/scripted-source.ts';

let source: ScriptedSource;
let head: string;
let older: string;
const pipeline = { channels: [{ name: 'beta', branch: 'release/beta' }] } as Pipeline;
const found = (ref: string) => findCommit(source, pipeline, ref);

beforeEach(() => {
  source = new ScriptedSource();
  older = source.merge('release/beta', 'abcdef1aa', {});
  head = source.merge('release/beta', 'abcdef1bb', { manifest: 'other' });
  source.branches.set('fix', older);
  source.tags.set('v1', older);
});

describe('what people type for a commit', () => {
  it('is a channel, a branch, a tag, an id or its beginning', async () => {
    for (const [ref, commit] of [
      ['beta', head],
      ['fix', older],
      ['v1', older],
      [head.toUpperCase(), head],
      ['abcdef1b', head],
      ['ABCDEF1A', older],
    ] as const)
      expect([ref, await found(ref)]).toEqual([ref, { kind: 'found', commit }]);
    for (const ref of ['v2', 'abcdef', '0'.repeat(40)])
      expect([ref, await found(ref)]).toEqual([ref, { kind: 'unknown' }]);
  });

  it('is one commit when two meanings lead to it, and never one of two', async () => {
    source.tags.set('fix', older);
    expect(await found('fix')).toEqual({ kind: 'found', commit: older });
    source.tags.set('fix', head);
    expect(await found('fix')).toEqual({
      kind: 'ambiguous',
      meanings: [`branch ${older.slice(0, 12)}`, `tag ${head.slice(0, 12)}`],
      remedy: 'write refs/heads/fix or refs/tags/fix',
    });
    source.tags.set('abcdef1b', older);
    expect(await found('abcdef1b')).toMatchObject({
      kind: 'ambiguous',
      remedy: 'write refs/tags/abcdef1b or more digits of the commit',
    });
    expect(await found('abcdef1')).toMatchObject({ kind: 'ambiguous', remedy: 'write more digits of the commit' });
  });

  it('is refused by the API with what to write instead', async () => {
    source.tags.set('fix', head);
    const find = commitFinder(source, { pipeline: () => pipeline });
    expect(await find('nothing')).toBeUndefined();
    const error = await find('fix').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).message).toContain('write refs/heads/fix or refs/tags/fix');
  });
});
