/** Records of branch moves in the notes of a real repository, signed by real keys, and the audit of them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuditReport, audit } from '../../../src/daemon/audit.ts';
import { MoveNotes } from '../../../src/daemon/move-notes.ts';
import type { MoveRecord } from '../../../src/domain/move-record.ts';
import type { ChannelPolicy } from '../../../src/domain/pipeline.ts';
import { recordDigest } from '../../../src/planning/pipeline/move-record.ts';
import type { ChannelSource } from '../../../src/ports/channel-source.ts';
import type { Json, Store } from '../../../src/ports/store.ts';
import { createSshJudge, createSshSigner } from '../../../src/sources/git/ssh-signature.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { createLogger } from '../../../src/support/logger.ts';
import { GitWorld } from '../../support/git-world.ts';

const start = Date.parse('2026-03-04T05:06:07Z');
const channel = (name: string, promotesTo: string[]): ChannelPolicy => ({
  name,
  branch: name,
  promotesTo,
  waves: [],
  maxParallel: 1,
  maxFailures: 0,
  soakMs: 0,
  e2eProfile: 'smoke',
  blockLimitMs: 1,
  progressDeadlineMs: 1,
});
const channels = [channel('dev', ['stable']), channel('stable', [])];

let world: GitWorld;
let source: ChannelSource;
let store: Store;
let signers: string;
let key: string;
let leaseHeld: boolean;

beforeEach(async () => {
  world = new GitWorld();
  source = await world.fetched();
  store = await openSqliteStore({ path: file('clm.db') });
  key = keyPair('clm@example.org');
  signers = file('signers');
  writeFileSync(signers, signerLine('clm@example.org', key));
  leaseHeld = true;
});
afterEach(async () => {
  await store.close();
  world.remove();
});

const file = (name: string) => join(world.sandbox.directory, name);

function keyPair(name: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)]);
  return file(name);
}

const signerLine = (who: string, keyFile: string) =>
  `${who} namespaces="clm-evidence" ${readFileSync(`${keyFile}.pub`, 'utf8')}`;

/** The move of stable to a commit, as the promotion's step leaves it. */
async function moved(from: string, to: string, change: Partial<MoveRecord> = {}): Promise<MoveRecord> {
  const { tree } = await source.commitInfo(to);
  const evidence = { version: `${to}#d`, tree, result: 'passed' as const, passed: 7, failed: 0, excused: [] };
  const record: MoveRecord = {
    format: 1,
    branch: 'stable',
    channel: 'stable',
    from,
    to,
    tree,
    at: start,
    by: 'promotion',
    proof: {
      channel: 'dev',
      commit: to,
      rollout: `rollout:dev:${to}`,
      lane: 'normal',
      waived: [],
      maxFailures: 0,
      members: {
        c1: {
          state: 'updated',
          attempt: 1,
          version: `${to}#d`,
          evidence: { ...evidence, at: start, inheritedFrom: null },
        },
      },
      soak: { requiredMs: 0, observedMs: 0, clusterMs: 0 },
      gates: [{ name: 'checks', state: 'open', reason: '1 cluster is green' }],
    },
    asked: null,
    approvals: [],
    policy: 'p',
    ...change,
  };
  expect(await source.fastForward('stable', from, to)).toEqual({ kind: 'moved' });
  await store.post({
    facts: [{ kind: 'move-record', key: `stable/${to}`, value: record as unknown as Json }],
    journal: [
      {
        at: start,
        source: 'promotion',
        seq: 1,
        kind: record.by === 'promotion' ? 'branch-moved' : 'branch-overridden',
        channel: 'dev',
        cluster: '',
        commit: to,
        message: 'moved',
        data: { branch: 'stable', from, to, target: 'stable', record: recordDigest(record) },
      },
    ],
    now: start,
  });
  return record;
}

function publisher(signed = true, over: Store = store): MoveNotes {
  return new MoveNotes({
    store: over,
    source,
    signer: signed ? createSshSigner(key) : undefined,
    leaseHeld: () => leaseHeld,
    log: createLogger({ level: 'silent' }),
    now: () => start,
  });
}

async function verify(
  options: { journal?: Store | null; signatures?: boolean; limit?: number } = {},
): Promise<AuditReport> {
  const { journal = store, signatures = true, limit = 10 } = options;
  return audit({
    channels,
    source,
    store: journal ?? undefined,
    judge: createSshJudge(signers),
    policy: { signatures },
    limit,
  });
}

const messages = (report: AuditReport) => report.findings.map((finding) => finding.message);
const noteOf = (commit: string) => world.sandbox.git(world.sandbox.bare, 'notes', '--ref=clm', 'show', commit);
const notesCount = () => world.sandbox.git(world.sandbox.bare, 'rev-list', '--count', 'refs/notes/clm');
const third = () => world.sandbox.commit('third', { 'conf/cluster/a.yaml': 'three\n' }, world.second);

/** Somebody with access to the repository edits a note. */
async function tampered(commit: string, edit: (text: string) => string): Promise<void> {
  await source.writeNote(commit, edit((await source.readNote(commit)) ?? ''), start + 1);
}

describe('records of branch moves', () => {
  it('are published once each, signed, in the order of the journal, and prove their branch', async () => {
    const newest = third();
    world.sandbox.push('dev', newest);
    await source.fetch(['dev', 'stable'], {});
    await moved(world.first, world.second);
    await moved(world.second, newest);
    expect(await publisher().pass()).toBe(true);
    expect(notesCount()).toBe('2');
    expect(await store.facts('move-record')).toEqual([]);
    expect(await publisher().pass()).toBe(true);
    expect(notesCount()).toBe('2');
    const report = await verify();
    expect(messages(report)).toEqual([]);
    expect(report).toMatchObject({ proven: true, journal: { state: 'intact', entries: 2 } });
    expect(report.channels[1]).toMatchObject({
      head: newest,
      begins: world.first,
      moves: [
        { from: world.second, to: newest, signedBy: 'clm@example.org', summary: 'proven on dev: 1 cluster is green' },
        { from: world.first, to: world.second, signature: 'counts', signedBy: 'clm@example.org' },
      ],
    });
    expect(report.channels[0]).toMatchObject({ moves: [], byPeople: [] });
  });

  it('are proven from the repository alone, and only so far back as was asked', async () => {
    const newest = third();
    world.sandbox.push('dev', newest);
    await source.fetch(['dev', 'stable'], {});
    await moved(world.first, world.second);
    await moved(world.second, newest);
    await publisher().pass();
    expect(await verify({ journal: null })).toMatchObject({ proven: true, journal: { state: 'absent' } });
    const report = await verify({ limit: 1 });
    expect(report).toMatchObject({ proven: true });
    expect(report.channels[1]).toMatchObject({ begins: null, moves: [{ to: newest }] });
  });

  it('tell of a pull request that was merged: the merge brings what was proven, and who merged it', async () => {
    const merge = world.sandbox.commit('merge of second', {}, world.second);
    world.sandbox.push('dev', merge);
    await source.fetch(['dev', 'stable'], {});
    const { tree } = await source.commitInfo(merge);
    const evidence = {
      version: `${world.second}#d`,
      tree,
      result: 'passed' as const,
      passed: 7,
      failed: 0,
      excused: [],
    };
    const proof = {
      channel: 'dev',
      commit: world.second,
      rollout: 'r',
      lane: 'normal' as const,
      waived: [],
      maxFailures: 0,
      members: {
        c1: {
          state: 'updated' as const,
          attempt: 1,
          version: `${world.second}#d`,
          evidence: { ...evidence, at: start, inheritedFrom: null },
        },
      },
      soak: null,
      gates: [{ name: 'checks', state: 'open' as const, reason: 'green' }],
    };
    await moved(world.first, merge, {
      proof,
      asked: { actor: 'ana', reason: 'pull request 7 was merged', waived: [] },
    });
    await publisher().pass();
    const report = await verify();
    expect(messages(report)).toEqual([]);
    expect(report.channels[1]?.moves).toMatchObject([
      { to: merge, summary: 'proven on dev: 1 cluster is green; pull request 7 was merged by ana' },
    ]);
  });

  it('are written once also when the daemon died after the note and before it knew', async () => {
    const record = await moved(world.first, world.second);
    await publisher().pass();
    const written = noteOf(world.second);
    await store.post({
      facts: [
        { kind: 'mirror', key: 'moves-published', value: null },
        { kind: 'move-record', key: `stable/${world.second}`, value: record as unknown as Json },
      ],
      now: start,
    });
    await publisher().pass();
    expect(noteOf(world.second)).toBe(written);
    expect(await store.facts('move-record')).toEqual([]);
  });

  it('are not written once the lease is gone, and wait for a repository that refuses', async () => {
    await moved(world.first, world.second);
    leaseHeld = false;
    await publisher().pass();
    expect(await source.readNote(world.second)).toBeUndefined();
    leaseHeld = true;
    world.refusePushes('not now');
    const notes = publisher();
    expect(await notes.pass()).toBe(false);
    expect(notes.problems()).toMatchObject([
      { code: 'git-note-refused', message: expect.stringContaining('The record of a branch move is') as string },
    ]);
    world.allowPushes();
    expect(await notes.pass()).toBe(true);
    expect(notes.problems()).toEqual([]);
    expect(await verify()).toMatchObject({ proven: true });
  });

  it('go on from those of an earlier database', async () => {
    await moved(world.first, world.second);
    await publisher().pass();
    await store.close();
    store = await openSqliteStore({ path: file('next.db') });
    const newest = third();
    world.sandbox.push('dev', newest);
    await source.fetch(['dev', 'stable'], {});
    await moved(world.second, newest);
    await publisher().pass();
    const report = await verify();
    expect(messages(report)).toEqual([]);
    expect(report.channels[1]?.moves).toHaveLength(2);
  });

  it('stand beside what people wrote there', async () => {
    world.sandbox.git(world.work, 'notes', '--ref=clm', 'add', '-m', 'by hand', world.second);
    world.sandbox.git(world.work, 'push', '--quiet', 'origin', 'refs/notes/clm');
    await moved(world.first, world.second);
    await publisher().pass();
    expect(noteOf(world.second)).toMatch(/^by hand\n\{"statement"/);
    expect(await verify()).toMatchObject({ proven: true });
  });
});

describe('an audit finds', () => {
  it('a record that was changed, by its signature, and by the journal where nothing is signed', async () => {
    await moved(world.first, world.second);
    await publisher().pass();
    await tampered(world.second, (text) => text.replace('"passed":7', '"passed":9'));
    const [signature, journal, ...more] = messages(await verify());
    expect(signature).toContain('its signature does not count: it does not fit what is signed');
    expect(journal).toContain('on another record than the one in the notes');
    expect(more).toEqual([]);
    await tampered(world.second, (text) => text.replace(/"signature":".*"/, '"signature":null'));
    expect(messages(await verify({ signatures: false }))).toEqual([journal]);
    expect(messages(await verify({ journal: null }))).toEqual(['it is not signed']);
    expect(messages(await verify({ journal: null, signatures: false }))).toEqual([]);
  });

  it('a field that was added, which no version knows', async () => {
    await moved(world.first, world.second);
    await publisher().pass();
    await tampered(world.second, (text) => text.replace('"policy":"p"', '"policy":"p","note":"trust me"'));
    expect(messages(await verify({ journal: null }))).toEqual([
      expect.stringContaining('its signature does not count') as string,
    ]);
  });

  it('a signature of somebody else', async () => {
    await moved(world.first, world.second);
    key = keyPair('mallory@example.org');
    await publisher().pass();
    expect(messages(await verify())).toEqual([
      expect.stringContaining('of a key that is none of the allowed signers') as string,
    ]);
    writeFileSync(signers, signerLine('mallory@example.org', key).replace('clm-evidence', 'git'));
    expect(messages(await verify())).toEqual([expect.stringContaining('may not sign clm-evidence') as string]);
  });

  it('a promotion whose evidence does not open the gate', async () => {
    const record = await moved(world.first, world.second);
    const proof = record.proof as NonNullable<MoveRecord['proof']>;
    const newest = third();
    world.sandbox.push('dev', newest);
    await source.fetch(['dev', 'stable'], {});
    // the evidence of the version before
    await moved(world.second, newest, {
      proof: { ...proof, gates: [{ name: 'checks', state: 'closed', reason: 'no' }] },
    });
    await publisher().pass();
    expect(messages(await verify())).toEqual([
      expect.stringContaining('its evidence does not open the gate: no cluster is green') as string,
      'gate checks was closed: no',
    ]);
  });

  it('a promotion without a proof, and an override that nobody asked for', async () => {
    await moved(world.first, world.second, { proof: null });
    await publisher().pass();
    expect(messages(await verify())).toEqual(['it is a promotion, and carries no proof']);
    const newest = third();
    world.sandbox.push('dev', newest);
    await source.fetch(['dev', 'stable'], {});
    await moved(world.second, newest, { by: 'hotfix', proof: null, asked: { actor: 'eve', reason: ' ', waived: [] } });
    await publisher().pass();
    expect(messages(await verify({ limit: 1 }))).toEqual(['it is a hotfix without a reason']);
  });

  it('a branch that somebody else moved, unless somebody accounted for it', async () => {
    await moved(world.first, world.second);
    await publisher().pass();
    const newest = third();
    world.sandbox.push('stable', newest);
    expect(messages(await verify())).toEqual([
      `stable came to ${newest.slice(0, 12)} without a record, after ${world.second.slice(0, 12)}`,
    ]);
    const approved = { by: 'ana', reason: 'by hand, in the outage' };
    await store.post({ facts: [{ kind: 'approved', key: `stable/${newest}`, value: approved }], now: start });
    const report = await verify();
    expect(report).toMatchObject({ proven: true });
    expect(report.channels[1]?.byPeople).toEqual([{ to: newest, why: 'taken over by ana: by hand, in the outage' }]);
  });

  it('a record that is gone: between two, and the newest', async () => {
    const newest = third();
    world.sandbox.push('dev', newest);
    await source.fetch(['dev', 'stable'], {});
    await moved(world.first, world.second);
    await moved(world.second, newest);
    await publisher().pass();
    const note = (await source.readNote(newest)) ?? '';
    await tampered(newest, () => '');
    const gone = messages(await verify());
    expect(gone).toContain(
      `stable came to ${newest.slice(0, 12)} without a record, after ${world.second.slice(0, 12)}`,
    );
    expect(gone).toContainEqual(expect.stringContaining('there is no record of it in the notes'));
    await tampered(newest, () => note);
    await tampered(world.second, (text) => text.replace('"policy":"p"', '"policy":"q"'));
    expect(messages(await verify({ signatures: false }))).toContainEqual(
      expect.stringContaining(`it does not follow the record before it, of ${world.second.slice(0, 12)}`),
    );
  });

  it('a move that was no fast-forward, noted at another commit, to another configuration', async () => {
    await moved(world.first, world.second, { from: world.second, to: world.second, tree: 'f'.repeat(40) });
    await publisher().pass();
    const text = (await source.readNote(world.second)) ?? '';
    await tampered(world.second, () => text.replaceAll(`"to":"${world.second}"`, `"to":"${world.first}"`));
    const found = messages(await verify({ journal: null, signatures: false, limit: 1 }));
    expect(found).toContainEqual(expect.stringContaining(`it is noted at ${world.second.slice(0, 12)}`));
    expect(found).toContainEqual(expect.stringContaining('this was no fast-forward'));
    expect(found).toContainEqual(expect.stringContaining('the record says ffffffffffff'));
  });

  it('a journal that was edited', async () => {
    await moved(world.first, world.second);
    await publisher().pass();
    await store.close();
    const database = new Database(file('clm.db'));
    // what a person with the file could do; the store itself lets nobody
    for (const { name } of database.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all() as {
      name: string;
    }[])
      database.exec(`DROP TRIGGER ${name}`);
    database.exec("UPDATE journal SET message = 'never happened'");
    database.close();
    store = await openSqliteStore({ path: file('clm.db'), readonly: true });
    expect(await verify()).toMatchObject({ proven: false, journal: { state: 'broken', at: 1 } });
  });
});
