import { describe, expect, it } from 'vitest';
import { describeProblem } from '../../../src/domain/problem.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';

function problems(text: string): string[] {
  const result = parsePipeline('pipeline.yaml', text);
  return result.ok ? [] : result.problems.map(describeProblem);
}

describe('the pipeline file', () => {
  it('needs names only: everything else has a careful default', () => {
    const result = parsePipeline('pipeline.yaml', 'channels: [{name: dev}, {name: stable}]');
    expect(result).toEqual({
      ok: true,
      pipeline: {
        maxParallel: 25,
        evidenceMaxAgeMs: 86_400_000,
        channels: [
          expect.objectContaining({
            name: 'dev',
            branch: 'dev',
            promotesTo: ['stable'],
            maxParallel: 1,
            maxFailures: 0,
            soakMs: 86_400_000,
            e2eProfile: 'smoke',
          }),
          expect.objectContaining({
            name: 'stable',
            promotesTo: [],
            waves: [
              { name: 'canary', size: 1 },
              { name: 'tenth', size: '10%' },
              { name: 'half', size: '50%' },
              { name: 'all', size: '100%' },
            ],
            blockLimitMs: 21_600_000,
            progressDeadlineMs: 21_600_000,
            sameFailureLimit: 2,
          }),
        ],
      },
    });
  });

  it('says for how long objects of failed checks stay, and of how many checks at once', () => {
    const of = (keep: string): string =>
      `channels:\n  - name: dev\n    e2e: {profile: smoke, keepOnFailure: ${keep}}\n`;
    const policy = (keep: string) => {
      const result = parsePipeline('pipeline.yaml', of(keep));
      return result.ok ? result.pipeline.channels[0]?.keepOnFailure : undefined;
    };
    expect(policy('{for: 2h}')).toEqual({ forMs: 7_200_000, most: 3 });
    expect(policy('{for: 1d, most: 20}')).toEqual({ forMs: 86_400_000, most: 20 });
    const bad = problems(of('{for: 2d, most: 0}'));
    expect(bad).toHaveLength(2);
    expect(bad.join('\n')).toContain('write a span like 2h, from 1m to 1d');
    expect(bad.join('\n')).toContain('channels[0].e2e.keepOnFailure.most');
    expect(problems(of('2h')).join()).toContain('{for: 2h, most: 3}');
  });

  it('takes what it says over the defaults', () => {
    const text = `maxParallel: 7
evidenceMaxAge: 1d12h
channels:
  - name: dev
    branch: main
    promotesTo: [a, b]
    waves: [{name: one, size: 2}, {name: all, size: 100%}]
    maxParallel: 3
    maxFailures: 2
    soak: 90m
    e2e: full
    blockLimit: 15m
    progressDeadline: 2h
  - {name: a, promotesTo: []}
  - {name: b}
`;
    const result = parsePipeline('pipeline.yaml', text);
    expect(result.ok && result.pipeline).toMatchObject({ maxParallel: 7, evidenceMaxAgeMs: 129_600_000 });
    expect(result.ok && result.pipeline.channels[0]).toEqual({
      name: 'dev',
      branch: 'main',
      promotesTo: ['a', 'b'],
      waves: [
        { name: 'one', size: 2 },
        { name: 'all', size: '100%' },
      ],
      maxParallel: 3,
      maxFailures: 2,
      soakMs: 5_400_000,
      e2eProfile: 'full',
      blockLimitMs: 900_000,
      progressDeadlineMs: 7_200_000,
      sameFailureLimit: 2,
    });
  });
});

describe('a bad pipeline gives every problem with line, path and remedy', () => {
  const cases: [what: string, text: string, expected: RegExp[]][] = [
    ['an empty file', '', [/^pipeline\.yaml: the file is empty/]],
    ['broken YAML', 'channels: [\n', [/^pipeline\.yaml:\d: not valid YAML/]],
    ['a key twice', 'channels: []\nchannels: []\n', [/^pipeline\.yaml:2: not valid YAML.*\n.*keep one of the two/]],
    ['no channels', 'channels: []', [/pipeline\.yaml:1: channels: a pipeline has at least one channel/]],
    ['channels missing', 'maxParallel: 1', [/channels: channels is missing/]],
    [
      'an unknown field with a near one',
      'channels:\n  - name: dev\n    maxParalel: 2\n',
      [/^pipeline\.yaml:3: channels\[0\]\.maxParalel: maxParalel is not a known field\n.*write maxParallel instead/],
    ],
    [
      'an unknown field',
      'channels: [{name: dev}]\ncolour: red\n',
      [/:2: colour: .*\n.*known are: maxParallel, evidenceMaxAge, zone, windows, roles, channels/],
    ],
    [
      'a zone that does not exist',
      'zone: Europe/Nowhere\nchannels: [{name: a}]',
      [/:1: zone: Europe\/Nowhere is no time zone/],
    ],
    [
      'what has no effect on a channel to which nothing promotes',
      'channels:\n  - {name: a}\n  - {name: b, promotesTo: [], needs: all, promotion: pull-request}\n  - {name: c, promotesTo: [b], unprovenHeads: adopt}\n',
      [
        /:4: channels\[2\]\.unprovenHeads: nothing promotes to channel c, so that unprovenHeads: adopt would have no effect/,
      ],
    ],
    [
      'a first channel that waits for others',
      'channels:\n  - {name: a, needs: all, promotion: pull-request}\n',
      [/:2: channels\[0\]\.needs: nothing promotes to channel a/, /:2: channels\[0\]\.promotion: nothing promotes/],
    ],
    ['a bad name', 'channels: [{name: Dev!}]', [/channels\[0\]\.name: a channel name is lower case/]],
    [
      'a channel twice',
      'channels:\n  - {name: dev, promotesTo: []}\n  - {name: dev}\n',
      [/:3: channels\[1\]\.name: channel dev is listed twice/],
    ],
    [
      'a branch twice',
      'channels:\n  - {name: dev}\n  - name: b\n    branch: dev\n',
      [/:4: channels\[1\]\.branch: branch dev of channel b is that of channel dev/],
    ],
    [
      'an unknown target',
      'channels:\n  - {name: dev, promotesTo: [stabel]}\n  - {name: stable}\n',
      [/:2: channels\[0\]\.promotesTo\[0\]: .*stabel, which is not a channel\n.*write stable/],
    ],
    ['itself as a target', 'channels: [{name: dev, promotesTo: [dev]}]', [/promotes to itself/]],
    ['a target twice', 'channels: [{name: dev, promotesTo: [b, b]}, {name: b}]', [/promotes to b twice/]],
    [
      'a circle',
      'channels:\n  - {name: a, promotesTo: [b]}\n  - {name: b, promotesTo: [c]}\n  - {name: c, promotesTo: [a]}\n',
      [/:2: channels\[0\]\.promotesTo: channels promote in a circle: a → b → c → a/],
    ],
    [
      'a span without unit',
      'channels: [{name: dev, soak: "4"}]',
      [/channels\[0\]\.soak: "4" is not a span of time\n.*write a span like 4h/],
    ],
    ['a span as a number', 'channels: [{name: dev, soak: 4}]', [/soak: a span of time is a text like 4h/]],
    [
      'a span that is too short',
      'channels: [{name: dev, blockLimit: 1s}]',
      [/blockLimit: 1s is outside of what is allowed here\n.*from 1m to 30d/],
    ],
    [
      'a share above all',
      'channels: [{name: dev, waves: [{name: a, size: 150%}]}]',
      [/waves\[0\]\.size: .*\n.*a share like 10%/],
    ],
    ['a share as text', 'channels: [{name: dev, waves: [{name: a, size: many}]}]', [/waves\[0\]\.size/]],
    [
      'a wave of none',
      'channels: [{name: dev, waves: [{name: a, size: 0}, {name: b, size: 100%}]}]',
      [/waves\[0\]\.size/],
    ],
    [
      'waves that leave clusters out',
      'channels: [{name: dev, waves: [{name: a, size: 10%}]}]',
      [/leaves clusters out\n.*write 100%/],
    ],
    [
      'a wave behind all',
      'channels: [{name: dev, waves: [{name: a, size: 100%}, {name: b, size: 100%}]}]',
      [/so that the waves behind it have none/],
    ],
    [
      'a wave twice',
      'channels: [{name: dev, waves: [{name: a, size: 1}, {name: a, size: 100%}]}]',
      [/wave a is listed twice/],
    ],
    ['no waves', 'channels: [{name: dev, waves: []}]', [/at least one wave/]],
    ['no parallelism', 'channels: [{name: dev, maxParallel: 0}]', [/at least one cluster is in flight/]],
    ['a fraction', 'channels: [{name: dev, maxFailures: 0.5}]', [/maxFailures/]],
    ['a leaving branch', 'channels: [{name: dev, branch: ../x}]', [/this is no branch name/]],
    [
      'several at once',
      'maxParallel: -1\nchannels:\n  - {name: A, soak: x}\n  - {name: b, e2e: "!"}\n',
      [/:1: maxParallel/, /:3: channels\[0\]\.name/, /:3: channels\[0\]\.soak/, /:4: channels\[1\]\.e2e/],
    ],
  ];
  it.each(cases)('%s', (_, text, expected) => {
    const found = problems(text);
    expect(found, found.join('\n')).toHaveLength(expected.length);
    found.forEach((problem, i) => {
      expect(problem).toMatch(expected[i] as RegExp);
      expect(problem).toMatch(/→ ./);
    });
  });
});
