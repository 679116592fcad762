import { describe, expect, it } from 'vitest';
import { parseDaemonConfig } from '../../../src/daemon/config.ts';

const base = `configRepository: {url: https://git.example/config.git}
registry: {path: clusters}
accounts: accounts.yaml
pipeline: pipeline.yaml
`;
const parse = (text: string) => parseDaemonConfig('/etc/clm/clm.yaml', `${base}${text}`, {});
const said = (text: string) => parse(text).problems.map(({ path, message, remedy }) => [path, message, remedy]);

describe('who is told what in clm.yaml', () => {
  it('is a list of places with secrets by reference', () => {
    const { config, problems } = parse(`notifications:
  sinks:
    - {name: hook, kind: webhook, url: 'https://hooks.example.org/clm', secretFile: hook.secret, tell: [attention, promoted]}
    - {name: chat, kind: slack, channel: C123, secretEnv: SLACK_TOKEN, channels: [beta]}
    - {name: other, kind: slack, secretEnv: SLACK_URL, templates: {default: '{kind}: {message}'}}
`);
    expect(problems).toEqual([]);
    expect(config?.notifications).toEqual({
      blockedForMs: 1_800_000,
      attempts: 20,
      sinks: [
        {
          name: 'hook',
          kind: 'webhook',
          url: 'https://hooks.example.org/clm',
          secret: { file: '/etc/clm/hook.secret' },
          timeoutMs: 10_000,
          audience: { tell: ['attention', 'promoted'], channels: [], templates: {} },
        },
        {
          name: 'chat',
          kind: 'slack',
          to: { url: 'https://slack.com', channel: 'C123', token: { env: 'SLACK_TOKEN' } },
          timeoutMs: 10_000,
          audience: { tell: ['info', 'attention'], channels: ['beta'], templates: {} },
        },
        {
          name: 'other',
          kind: 'slack',
          to: { webhook: { env: 'SLACK_URL' } },
          timeoutMs: 10_000,
          audience: { tell: ['info', 'attention'], channels: [], templates: { default: '{kind}: {message}' } },
        },
      ],
    });
  });

  it('is refused with everything that is wrong at once', () => {
    expect(
      said(`notifications:
  sinks:
    - {name: hook, kind: webhook}
    - {name: hook, kind: slack, url: 'https://hooks.slack.example/secret', secretEnv: A, secretFile: b}
    - {name: third, kind: slack, channel: C1, secretEnv: A, templates: {promotd: '{mesage}'}}
`),
    ).toEqual([
      ['notifications.sinks[0].secretEnv', 'secretEnv is missing', expect.stringContaining('environment variable')],
      ['notifications.sinks[0].url', 'url is missing', expect.any(String)],
      ['notifications.sinks[1].name', 'hook is there twice', expect.any(String)],
      ['notifications.sinks[1].secretEnv', 'secretEnv and secretFile are both given', 'keep one of them'],
      [
        'notifications.sinks[1].url',
        'url needs a channel: the URL of an incoming webhook is a secret',
        expect.any(String),
      ],
      ['notifications.sinks[2].templates.promotd', 'there is no news of kind promotd', 'write promoted'],
      ['notifications.sinks[2].templates.promotd', '{mesage} means nothing', 'write {message}'],
    ]);
    expect(
      said('notifications: {blockedFor: soon, sinks: [{name: A, kind: mail, tell: [halted]}]}').map(([path]) => path),
    ).toEqual(
      expect.arrayContaining([
        'notifications.blockedFor',
        'notifications.sinks[0].name',
        'notifications.sinks[0].kind',
        'notifications.sinks[0].tell[0]',
      ]),
    );
  });
});
