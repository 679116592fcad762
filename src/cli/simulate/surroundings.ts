/** The services around a simulated fleet, on a git repository of the user's own. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { chatChannel, type Outside, type OutsideUrls, openOutside } from '../../simulator/outside/outside.ts';
import { ScaledClock } from '../../support/clock.ts';
import { badInput } from '../exit.ts';

const tokens = { 'simulated-clm': 'clm[bot]', 'simulated-ada': 'ada', 'simulated-bob': 'bob' } as const;
const chatToken = 'xoxb-simulated';
const webhookSecret = `whsec_${Buffer.from('simulated').toString('base64')}`;
const owner = 'platform';
const name = 'config';

export interface Surroundings {
  outside: Outside;
  /** How to reach them, once the server listens. */
  welcome(urls: OutsideUrls): { text: string; document: Record<string, unknown> };
}

/** @throws CliError */
export async function checkRepository(directory: string): Promise<void> {
  for (const part of ['HEAD', 'objects', 'refs']) {
    const there = await stat(path.join(directory, part)).catch(() => undefined);
    if (there === undefined)
      throw badInput(`--repository ${directory} is no bare git repository: make one with git init --bare, or clm init`);
  }
}

export async function openSurroundings(repository: string): Promise<Surroundings> {
  const wall = new ScaledClock(0, 1);
  const users = Object.fromEntries(
    Object.entries(tokens).map(([token, login]) => {
      const permission = login === 'ada' ? ('admin' as const) : ('write' as const);
      return [token, { login, permission }];
    }),
  );
  const secrets = { chatToken, webhookSecret };
  const outside = await openOutside({ repository, owner, name, users, ...secrets, now: () => wall.now() });
  return {
    outside,
    welcome: (urls) => ({ text: textOf(urls), document: { ...urls, ...secrets, tokens, owner, name } }),
  };
}

function textOf(urls: OutsideUrls): string {
  const people = Object.entries(tokens).map(([token, login]) => `${login} (${token})`);
  return `Around the fleet:
    GitHub       ${urls.github}, repository ${owner}/${name}; tokens of ${people.join(', ')}
    chat         ${urls.chat}, token ${chatToken}, channel #${chatChannel.name}; incoming webhook ${urls.chatWebhook}
    webhooks     ${urls.receiver}, secret ${webhookSecret}
    Prometheus   ${urls.prometheus}        gate: ${urls.verdict}
    curl ${urls.control}                              # what was said and done
    curl ${urls.control}/faults/github -d '{"kind": "answer", "status": 502, "times": 3}'

`;
}
