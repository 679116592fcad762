/** Command lines that cannot be followed: what is wrong and what would be right is said, with the exit code that scripts rely on, and nothing is written. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../../src/api/server.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { type CliRun, runCli } from '../../support/cli-io.ts';
import { type OperatorWorld, observingWorld, operatorWorld } from '../../support/pipeline/operator-world.ts';

let operated: OperatorWorld;
let folder = '';
let server: ApiServer;

beforeAll(async () => {
  operated = await operatorWorld();
  folder = mkdtempSync(path.join(tmpdir(), 'clm-refusals-'));
  mkdirSync(path.join(folder, 'empty'));
  writeFileSync(path.join(folder, 'notes.xml'), '<html/>');
  server = await serve(operated, 'clm.sock');
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const serve = ({ backend }: Pick<OperatorWorld, 'backend'>, socket: string): Promise<ApiServer> =>
  startApiServer({ backend, socketPath: path.join(folder, socket), log: silentLogger(), version: '1' });

/** Words in capitals stand for what only the world knows. */
function wordsOf(line: string): string[] {
  const { head, gated, stray, world } = operated;
  const known: Record<string, string> = {
    ...{ WHY: 'errors since noon', HEAD: head, GATED: gated, STRAY: stray, FOLDER: folder, BLANK: ' ' },
    ID: world.clusterOf('dev-1').id,
  };
  return line
    .split(' ')
    .map((word) => known[word] ?? word.replace('FOLDER', folder).replace('commit:STRAY', `commit:${stray}`));
}

/** Those that talk to the daemon are told where it is. */
const talks = new Map<string, boolean>();
async function clm(line: string, socket = 'clm.sock'): Promise<CliRun> {
  const words = wordsOf(line);
  const name = commandOf(line);
  if (!talks.has(name)) talks.set(name, (await runCli([...name.split(' '), '--help'])).out.includes('--socket'));
  const reach = talks.get(name) === true && !words.includes('--config') ? ['--socket', path.join(folder, socket)] : [];
  return runCli([...words, ...reach], { environment: { USER: 'kim', HOME: folder } });
}

const commandOf = (line: string): string =>
  Object.keys(commands)
    .filter((name) => line === name || line.startsWith(`${name} `))
    .sort((a, b) => b.length - a.length)[0] ?? '';

const all = async (): Promise<string> =>
  JSON.stringify([await operated.written(), readdirSync(folder, { recursive: true }).sort()]);

/** Refused with 2 unless another code is named. */
type Wrong = [line: string, says: RegExp[], code?: number];

interface Refusals {
  /** A line with nothing wrong in itself: what is made of it below is refused for that alone. */
  right: string;
  wrong: Wrong[];
}

const span: RegExp[] = [/'soon' is not a span of time; write 30m, 4h or 2d/];
const unknown = (kind: string, name: string, near: RegExp): RegExp[] => [
  new RegExp(`[Tt]here is no ${kind} '${name}'`),
  near,
];
const nobody = unknown('cluster', 'dev-11', /Near: .*dev-1/);
const noChannel = unknown('channel', 'stabel', /Near: stable/);
const noCommit = [/no commit 'abcdef0'/, /full id/];
const twice = [/'twice' may be any of: branch .*, tag /, /write refs\/heads\/twice or refs\/tags\/twice/];
const ofRoll = (name: string, more: Wrong[] = []): [string, Refusals] => [
  `roll ${name}`,
  {
    right: `roll ${name} dev-1 --reason WHY`,
    wrong: [
      [`roll ${name} dev-11 --reason WHY`, nobody],
      [`roll ${name} dev-1 --reason WHY`, [/No pool of dev-1 is being rolled/, /clm status|clm why/], 3],
      ...more,
    ],
  },
];
const until: Wrong['1'] = [/is over already; it is \d{4}-/];
const override = (kind: string, subject: string, more: Wrong[]): [string, Refusals] => [
  kind,
  {
    right: `${kind} ${subject} --reason WHY`,
    wrong: [
      [`${kind} ${subject} --until 2020-01-01T00:00Z --reason WHY`, until],
      [`${kind} ${subject} --until tomorrow --reason WHY`, [/'tomorrow' is no time; write one like 2026-/]],
      [`${kind} ${subject} --until 2030-02-30T00:00Z --reason WHY`, [/is no time; write one like/]],
      [`${kind} ${subject} --for 1h --until 2030-01-01T00:00Z --reason WHY`, [/--for or --until, not both/]],
      ...more,
    ],
  },
];
const ending = (kind: string, end: string, subject: string): [string, Refusals] => [
  end,
  {
    right: `${end} ${subject} --reason WHY`,
    wrong: [[`${end} ${subject} --reason WHY`, [new RegExp(`There is no ${kind}`)], 3]],
  },
];
const news: Wrong[] = [
  ['notifications WHAT --reason WHY', [/ids of news, --place NAME or --all; nothing is named/]],
  ['notifications WHAT pager/1 --all --reason WHY', [/--all; more than one of them is there/]],
  ['notifications WHAT pager/1 --reason WHY', [/no undelivered news 'pager\/1'/]],
  ['notifications WHAT 12 --reason WHY', [/the news: .*PLACE\/NUMBER|clm notifications/]],
  ['notifications WHAT --all --reason WHY', [/No undelivered news are kept/], 3],
];
const ofNews = (what: string): [string, Refusals] => [
  `notifications ${what}`,
  {
    right: `notifications ${what} --all --reason WHY`,
    wrong: news.map(([line, ...rest]) => [line.replace('WHAT', what), ...rest]),
  },
];

/** Every command that changes something: the fleet, what is laid over it, or files. */
const commands: Record<string, Refusals> = Object.fromEntries<Refusals>([
  [
    'pause',
    {
      right: 'pause channel:dev --reason WHY',
      wrong: [
        ['pause stabel --reason WHY', [/there is no channel or cluster 'stabel'; near: stable/]],
        ['pause channel:stabel --reason WHY', noChannel],
        ['pause commit:GATED --reason WHY', [/clm veto/]],
        ['pause wave:dev --reason WHY', [/no wave 'dev'/, /CHANNEL\/WAVE|clm status/]],
      ],
    },
  ],
  [
    'resume',
    {
      right: 'resume channel:dev --reason WHY',
      wrong: [
        ['resume dev-11 --reason WHY', [/there is no channel or cluster 'dev-11'; near: .*dev-1/]],
        ['resume cluster:dev-11 --reason WHY', nobody],
        ['resume commit:STRAY --reason WHY', [/a commit/, /clm unveto/]],
      ],
    },
  ],
  [
    'retry',
    {
      right: 'retry channel:dev --reason WHY',
      wrong: [
        ['retry cluster:dev-11 --reason WHY', nobody],
        ['retry commit:STRAY --reason WHY', [/a commit/, /channel:NAME/]],
        ['retry cluster:stable-1 --reason WHY', [/there is nothing to try again/], 3],
      ],
    },
  ],
  ofRoll('pause'),
  ofRoll('resume'),
  ofRoll('abort'),
  ofRoll('rollback'),
  [
    'roll skip',
    {
      right: 'roll skip dev-1 node-1 --reason WHY',
      wrong: [
        ['roll skip dev-11 node-1 --reason WHY', nobody],
        ['roll skip dev-1 --reason WHY', [/missing required argument 'node'/]],
        ['roll skip dev-1 node-2 --reason WHY', [/no node 'node-2'/, /node-1/]],
      ],
    },
  ],
  [
    'roll unskip',
    {
      right: 'roll unskip dev-1 node-1 --reason WHY',
      wrong: [['roll unskip dev-1 node-1 --reason WHY', [/node-1 .*not skipped|no skip/i], 3]],
    },
  ],
  [
    'roll force-drain',
    { right: 'roll force-drain dev-1 --reason WHY', wrong: [['roll force-drain dev-11 --reason WHY', nobody]] },
  ],
  [
    'roll keep-budgets',
    {
      right: 'roll keep-budgets dev-1 --reason WHY',
      wrong: [['roll keep-budgets dev-1 --reason WHY', [/not overridden in dev-1/], 3]],
    },
  ],
  override('freeze', 'fleet', [
    ['freeze channel:stabel --reason WHY', noChannel],
    ['freeze commit:GATED --reason WHY', [/A freeze is of: .*; not of a commit/]],
  ]),
  ending('freeze', 'unfreeze', 'fleet'),
  override('pin', 'cluster:dev-1', [
    ['pin fleet --reason WHY', [/A pin is of: .*; not of/]],
    ['pin channel:stable --to GATED --reason WHY', [/runs .*clm rollback/], 3],
    ['pin channel:stable --to abcdef0 --reason WHY', noCommit],
    ['pin channel:stable --to twice --reason WHY', twice],
  ]),
  ending('pin', 'unpin', 'cluster:dev-1'),
  override('hold', 'channel:dev', [
    ['hold cluster:dev-1 --reason WHY', [/A hold is of: .*; not of a cluster/]],
    ['hold commit:abcdef0 --reason WHY', noCommit],
  ]),
  ending('hold', 'release', 'fleet'),
  override('skip', 'dev-1', [
    ['skip dev-11 --reason WHY', [/no channel or cluster 'dev-11'; near: .*dev-1/]],
    ['skip stable --reason WHY', [/A skip is of: cluster:NAME; not of a channel/]],
  ]),
  ending('skip', 'unskip', 'dev-1'),
  override('veto', 'GATED', [
    ['veto abcdef0 --reason WHY', noCommit],
    ['veto twice --reason WHY', twice],
    ['veto channel:dev --reason WHY', [/no commit 'channel:dev'/, /write the full id of a commit/]],
  ]),
  ending('veto', 'unveto', 'HEAD'),
  override('decommission', 'dev-1 --confirm ID', [
    ['decommission dev-1 --reason WHY', [/required option '--confirm <id>'/]],
    ['decommission dev-1 --confirm dev-1 --reason WHY', [/--confirm aws:/]],
    ['decommission dev-1 --confirm ID --reason WHY', [/lifecycle_status: decommission-requested/], 3],
  ]),
  ending('decommission', 'keep', 'dev-1'),
  ...['approve', 'reject'].map((name): [string, Refusals] => [
    name,
    {
      right: `${name} GATED --channel dev --as ada --reason WHY`,
      wrong: [
        [`${name} GATED --reason WHY`, [/required option '--channel <name>'/]],
        [`${name} GATED --channel stabel --as ada --reason WHY`, noChannel],
        [`${name} abcdef0 --channel dev --as ada --reason WHY`, noCommit],
        [`${name} twice --channel dev --as ada --reason WHY`, twice],
        [`${name} b1 --channel dev --as ada --reason WHY`, [/no commit 'b1'/, /seven characters|full id/]],
        [`${name} GATED --channel dev --as mallory --reason WHY`, [/mallory may not .*sre \(ada\) may/], 3],
        [`${name} GATED --channel dev --gate launch --as ada --reason WHY`, [/not wait for launch.*release/], 3],
        [`${name} HEAD --channel stable --as ada --reason WHY`, [/clm why stable/], 3],
      ],
    },
  ]),
  [
    'promote',
    {
      right: 'promote GATED --to stable --reason WHY',
      wrong: [
        ['promote GATED --reason WHY', [/required option '--to <channel>'/]],
        ['promote GATED --to stabel --reason WHY', noChannel],
        ['promote abcdef0 --to stable --reason WHY', noCommit],
        ['promote twice --to stable --reason WHY', twice],
        ['promote GATED --to stable --reason WHY', [/wait until dev has proven it.*clm hotfix/], 3],
        ['promote STRAY --to stable --bypass --reason WHY', [/clm why/], 3],
      ],
    },
  ],
  [
    'hotfix',
    {
      right: 'hotfix STRAY --to stable --reason WHY',
      wrong: [
        [
          'hotfix STRAY --to stable --skip everything --reason WHY',
          [/'everything' is invalid/, /Allowed choices are .*soak/],
        ],
        ['hotfix STRAY --to stabel --reason WHY', noChannel],
        ['hotfix abcdef0 --to stable --reason WHY', noCommit],
        ['hotfix STRAY --to stable --reason WHY', [/commit the fix on top of it/], 3],
        ['hotfix HEAD --to stable --reason WHY', [/already/], 3],
      ],
    },
  ],
  [
    'rollback',
    {
      right: 'rollback stable --reason WHY',
      wrong: [
        ['rollback stabel --reason WHY', noChannel],
        ['rollback stable --to abcdef0 --reason WHY', noCommit],
        ['rollback stable --to twice --reason WHY', twice],
        ['rollback stable --to GATED --reason WHY', [/name a version that the channel has had/], 3],
        ['rollback stable --reason WHY', [/name one with --to/], 3],
      ],
    },
  ],
  ['stop-the-line', { right: 'stop-the-line --reason WHY', wrong: [] }],
  [
    'confirm',
    {
      right: 'confirm registry --reason WHY',
      wrong: [
        ['confirm fleet --reason WHY', [/'fleet' is invalid/, /Allowed choices are registry/]],
        ['confirm registry --reason WHY', [/No registry read is held back/], 3],
      ],
    },
  ],
  ['refresh', { right: 'refresh', wrong: [] }],
  ['adopt', { right: 'adopt --reason WHY', wrong: [] }],
  [
    'e2e quarantine',
    {
      right: 'e2e quarantine api.health --for 4h --reason WHY',
      wrong: [
        ['e2e quarantine api.health --reason WHY', [/required option '--for <duration>'/]],
        ['e2e quarantine api.helth --for 4h --reason WHY', [/'api.helth'/, /Near: .*api\.health/]],
        ['e2e quarantine api.health --for 91d --reason WHY', [/--for: is longer than 90 days/]],
        ['e2e quarantine api.health --for 10s --reason WHY', [/'10s' is no span of a minute or more; write 4h or 7d/]],
        ['e2e quarantine api.health --for 4h --cluster dev-11 --reason WHY', nobody],
      ],
    },
  ],
  [
    'e2e unquarantine',
    {
      right: 'e2e unquarantine api.health --reason WHY',
      wrong: [['e2e unquarantine api.health --reason WHY', [/Nothing is quarantined|not quarantined/], 3]],
    },
  ],
  [
    'e2e kept',
    {
      right: 'e2e kept --cluster dev-1 --release --reason WHY',
      wrong: [
        ['e2e kept --cluster dev-1 --release', [/--release: wants a reason/, /write --reason/]],
        ['e2e kept --fleet --release --reason WHY', [/--release: wants one cluster/, /write --cluster NAME/]],
        ['e2e kept --fleet --cluster dev-1 --sweep', [/--fleet: is all clusters/, /--sweep: is for standalone runs/]],
        ['e2e kept --cluster dev-11 --release --reason WHY', nobody],
        ['e2e kept --cluster dev-1 --release --reason WHY', [/Nothing is kept on dev-1/], 3],
        ['e2e kept --kubeconfig FOLDER/none --release', [/none/, /kubeconfig/]],
      ],
    },
  ],
  [
    'e2e import',
    {
      right: 'e2e import FOLDER/empty --contact ada --cluster nightly',
      wrong: [
        ['e2e import FOLDER/empty --cluster nightly', [/required option '--contact <who>'/]],
        ['e2e import FOLDER/empty --contact ada', [/required option '--cluster <name>'/]],
        [
          'e2e import FOLDER/empty --contact ada --cluster nightly',
          [/no started.json below it/, /logs\/<job>\/<build>/],
        ],
        ['e2e import FOLDER/none --contact ada --cluster nightly', [/none/, /name a folder that can be read/]],
        [
          'e2e import FOLDER/notes.xml --contact ada --cluster nightly',
          [/notes.xml/, /name a JUnit report with results/],
        ],
      ],
    },
  ],
  [
    'e2e run',
    {
      right: 'e2e run --kubeconfig FOLDER/none',
      wrong: [
        [
          'e2e run --kubeconfig FOLDER/none --profile smok',
          [/there is no profile 'smok'/, /did you mean 'smoke'/, /none/],
        ],
        [
          'e2e run --kubeconfig FOLDER/none --only api.helth --junit FOLDER/no/x.xml',
          [/did you mean 'api.health'/, /mkdir -p/],
        ],
        ['e2e run --kubeconfig FOLDER/none --keep-on-failure 9d', [/9d is longer than anything is kept/, /2h, 30m/]],
      ],
    },
  ],
  [
    'e2e export',
    {
      right: 'e2e export FOLDER/bucket',
      wrong: [
        ['e2e export FOLDER/bucket --since soon', [/'soon' is no duration: write 24h, 7d/]],
        ['e2e export FOLDER/bucket --cluster dev-11', [/a cluster 'dev-11'/, /near: .*dev-1/]],
        ['e2e export FOLDER/bucket --limit many', [/whole number/]],
      ],
    },
  ],
  ofNews('resend'),
  ofNews('drop'),
  [
    'daemon',
    {
      right: 'daemon',
      wrong: [],
    },
  ],
  [
    'init',
    {
      right: 'init FOLDER/new',
      wrong: [['init FOLDER/taken', [/clm.yaml: is there already/, /choose another folder: clm init FOLDER/]]],
    },
  ],
  [
    'backup',
    {
      right: 'backup FOLDER/copy.db',
      wrong: [['backup FOLDER/copy.db --config FOLDER/none.yaml', [/none.yaml cannot be used/, /clm init/]]],
    },
  ],
  ['render', { right: 'render dev', wrong: [] }],
  [
    'registry serve',
    {
      right: 'registry serve',
      wrong: [
        ['registry serve --listen here', [/It must be host:port, for example 127/]],
        ['registry serve --clusters FOLDER/none', [/--tokens: nobody could use it/, /none/]],
        [
          'registry serve --listen 0.0.0.0:8440 --no-auth',
          [/would let everybody change the registry/, /name a file of tokens/],
        ],
      ],
    },
  ],
  [
    'registry token',
    {
      right: 'registry token --name clm',
      wrong: [
        ['registry token --name BLANK', [/a name of 1 to 100 characters/]],
        ['registry token --name clm --days 400', [/'400' is no number of days/, /write 1 to 366/]],
        ['registry token --name clm --access all', [/Allowed choices are read, write/]],
      ],
    },
  ],
  [
    'demo',
    {
      right: 'demo',
      wrong: [
        ['demo --clusters 3', [/4 to 84/]],
        ['demo --break everything', [/Allowed choices are e2e, pdb/]],
      ],
    },
  ],
  [
    'simulate serve',
    {
      right: 'simulate serve',
      wrong: [
        ['simulate serve --clusters 1001', [/1 to 1000/]],
        ['simulate serve --scenario FOLDER/none.yaml', [/none.yaml/]],
      ],
    },
  ],
]);

const reads = [
  ...['status', 'why', 'clusters', 'rollouts', 'events', 'validate', 'plan', 'explain', 'completion'],
  ...['e2e list', 'e2e history', 'e2e show', 'e2e flakes', 'e2e failures', 'e2e quarantines'],
  ...['notifications list', 'audit verify', 'audit show'],
];

/** Names of all commands that have none below them, as their help lists them. */
async function leaves(above: string[] = []): Promise<string[]> {
  const { out } = await runCli([...above, '--help']);
  const listed = out.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '';
  const names = [...listed.matchAll(/^ {2}([a-z][a-z0-9-]*)/gm)].map(([, name]) => name as string);
  const below = await Promise.all(names.filter((name) => name !== 'help').map((name) => leaves([...above, name])));
  return names.length === 0 ? [above.join(' ')] : below.flat();
}

/** Of a line that would do: what is wrong with it when that one thing is. */
async function spoilt(name: string, { right }: Refusals): Promise<Wrong[]> {
  const { out } = await runCli([...name.split(' '), '--help']);
  const [usage = ''] = out.split('\n');
  const line = right.replace(' --for 4h', '');
  const optional = ['adopt', 'e2e kept'].includes(name);
  return [
    [`${right} --fro 3h`, [/unknown option '--fro'/, /--help/]],
    [`${right} -o xml`, [out.includes('--output') ? /'xml' is invalid. Allowed choices are/ : /unknown option '-o'/]],
    ...(usage.includes('...') ? [] : ([[`${right} EXTRA`, [/too many arguments|unknown command/]]] as Wrong[])),
    ...(out.includes('--reason') && !optional
      ? ([
          [right.replace(' --reason WHY', ''), [/required option '--reason <text>'/]],
          [right.replace('WHY', 'no'), [/--reason: say why in at least three characters/]],
          [right.replace('WHY', 'BLANK'), [/--reason: say why in at least three characters/]],
        ] as Wrong[])
      : []),
    ...(out.includes('--for <duration>')
      ? ([
          [`${line} --for soon`, name === 'e2e quarantine' ? [/'soon' is no span .*; write 4h or 7d/] : span],
          [`${line} --for 0`, [/write (30m, )?4h or/]],
          [`${line} --for 400d`, [/--for: is (longer|more) than \d+/]],
        ] as Wrong[])
      : []),
  ];
}

async function expectRefused([line, says, code = 2]: Wrong): Promise<void> {
  const before = await all();
  const run = await clm(line);
  expect([run.code, run.out], `${line}\n${run.err}`).toEqual([code, '']);
  for (const words of says) expect(run.err, line).toMatch(words);
  expect(run.err, line).not.toMatch(/CLM_DEBUG|undefined|\[object/);
  expect(await all(), line).toBe(before);
}

describe('refused at the shell, with what would be right and nothing written:', () => {
  it('every command that changes something has its lines, and all others only read', async () => {
    expect((await leaves()).sort()).toEqual([...Object.keys(commands), ...reads].sort());
  });

  it.each(Object.entries(commands))('%s', async (name, refusals) => {
    if (name === 'init') {
      mkdirSync(path.join(folder, 'taken'), { recursive: true });
      writeFileSync(path.join(folder, 'taken', 'clm.yaml'), 'stateDir: .clm\n');
    }
    const lines = [...(await spoilt(name, refusals)), ...refusals.wrong];
    expect(lines.length).toBeGreaterThan(1);
    for (const wrong of lines) await expectRefused(wrong);
  });

  it('adopt, where nothing is adopted yet', async () => {
    const observing = await observingWorld(1);
    const before = await observing.written();
    const other = await serve(observing, 'other.sock');
    try {
      const short = await clm('adopt --yes --reason no', 'other.sock');
      expect([short.code, short.out]).toEqual([2, '']);
      expect(short.err).toMatch(/--reason: say why in at least three characters/);
      const alone = await clm('adopt --reason WHY', 'other.sock');
      expect([alone.code, alone.err]).toEqual([
        2,
        expect.stringMatching(/give --yes to adopt, after reading the list/),
      ]);
      expect(await observing.written()).toBe(before);
    } finally {
      await other.close();
    }
  });
});
