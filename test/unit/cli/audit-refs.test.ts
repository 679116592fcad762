/** What people type for the commit whose record they want: as git takes it, and never a guess. */
import { beforeEach, describe, expect, it } from 'vitest';
import { recordsOf } from '../../../src/cli/run/audit.ts';
import { findCommit } from '../../../src/daemon/control/commits.ts';
import type { Pipeline } from '../../../src/domain/pipeline.ts';
import { ScriptedSource } from '../../support/pipeline/scripted-source.ts';

let source: ScriptedSource;
let head: string;
let older: string;
const pipeline = { channels: [{ name: 'beta', branch: 'release/beta' }] } as Pipeline;
const gone = `fedcba9${'0'.repeat(33)}`;

beforeEach(() => {
  source = new ScriptedSource();
  older = source.merge('release/beta', 'abcdef1aa', {});
  head = source.merge('release/beta', 'abcdef1bb', { manifest: 'other' });
  source.branches.set('fix', older);
  source.tags.set('v1', older);
});

const shown = (ref: string) => {
  const notes = new Map([
    [older, 'of older'],
    [gone, 'of gone'],
  ]);
  return recordsOf(notes, () => findCommit(source, pipeline, ref), ref);
};

describe('clm audit show', () => {
  it.each(['v1', 'fix', 'abcdef1a', 'ABCDEF1A'])('takes %s', async (ref) => {
    expect(await shown(ref)).toEqual({ id: older, text: 'of older' });
  });

  it('knows what was moved long ago, and says which commit has no record', async () => {
    expect(await shown('fedcba9')).toEqual({ id: gone, text: 'of gone' });
    expect(await shown(gone)).toEqual({ id: gone, text: 'of gone' });
    expect(await shown('beta')).toEqual({ id: head, text: undefined });
  });

  it('refuses what may be several commits, and what is none', async () => {
    await expect(shown('abcdef1')).rejects.toThrow(/'abcdef1' may be any of: commit .*write more digits of the commit/);
    source.tags.set('fix', head);
    await expect(shown('fix')).rejects.toThrow('write refs/heads/fix or refs/tags/fix');
    source.tags.set('fedcba9', older);
    await expect(shown('fedcba9')).rejects.toThrow(/commit fedcba9.*write more digits, refs\/heads/);
    await expect(shown('v2')).rejects.toThrow("there is no commit 'v2'");
    await expect(shown('abc')).rejects.toThrow('write a channel, a branch, a tag, or seven digits');
  });
});
