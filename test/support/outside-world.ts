/** A forge, a chat and the rest of the world around a fleet on loopback, on a real bare repository with channels dev, alpha and beta. */
import { Octokit } from '@octokit/rest';
import { type ServedOutside, serveOutside } from '../../src/simulator/outside/outside.ts';
import { GitSandbox } from './git-sandbox.ts';

export const tokens = { clm: 'token-of-clm', ada: 'token-of-ada', bob: 'token-of-bob', eve: 'token-of-eve' } as const;
export const webhookSecret = `whsec_${Buffer.from('a secret of the receiver').toString('base64')}`;
export const chatToken = 'xoxb-chat';
export const owner = 'platform';
export const name = 'config';

export interface OutsideWorld {
  outside: ServedOutside;
  sandbox: GitSandbox;
  /** On alpha and beta. */
  first: string;
  /** On dev, and ahead of alpha. */
  second: string;
  /** Epoch ms that the services show; moved by tests. */
  time: { now: number };
  /** A client that somebody else wrote. */
  as(user: keyof typeof tokens): Octokit;
  close(): Promise<void>;
}

export async function outsideWorld(): Promise<OutsideWorld> {
  const sandbox = new GitSandbox();
  const first = sandbox.commit('first', { 'cluster/cluster.yaml': 'one\n' });
  const second = sandbox.commit('second', { 'cluster/cluster.yaml': 'two\n' });
  sandbox.push('alpha', first);
  sandbox.push('beta', first);
  sandbox.push('dev', second);
  const time = { now: Date.parse('2026-03-02T10:00:00Z') };
  const user = (login: string, permission: 'admin' | 'write' | 'read') => ({ login, permission });
  const outside = await serveOutside({
    repository: sandbox.bare,
    owner,
    name,
    users: {
      [tokens.clm]: user('clm[bot]', 'write'),
      [tokens.ada]: user('ada', 'admin'),
      [tokens.bob]: user('bob', 'write'),
      [tokens.eve]: user('eve', 'read'),
    },
    chatToken,
    webhookSecret,
    now: () => time.now,
    host: '127.0.0.1',
    port: 0,
  });
  return {
    ...{ outside, sandbox, first, second, time },
    as: (who) => new Octokit({ auth: tokens[who], baseUrl: outside.at.github, log: silent }),
    close: async () => {
      await outside.stop();
      sandbox.remove();
    },
  };
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
