import { describe, expect, it } from 'vitest';
import { createLogger, type LogLevel, silentLogger } from '../../../src/support/logger.ts';

function logger(level: LogLevel) {
  const lines: string[] = [];
  const log = createLogger({ level, write: (line) => lines.push(line) });
  return {
    log,
    parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    text: () => lines.join(''),
  };
}

describe('the logger', () => {
  it('writes one JSON line with the fixed keys, the level as a word and the time as text', () => {
    const { log, parsed } = logger('info');
    log.child({ clusterId: 'aws:1:eu:a' }).info({ step: 'applyStack', attempt: 2 }, 'Applying stack');
    expect(parsed()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        clusterId: 'aws:1:eu:a',
        step: 'applyStack',
        attempt: 2,
        msg: 'Applying stack',
      },
    ]);
  });

  it('keeps quiet below its level', () => {
    const { log, parsed } = logger('warn');
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(parsed().map((line) => line['msg'])).toEqual(['c', 'd']);
    silentLogger().child({}).error({}, 'nothing happens');
  });

  it('lets no secret out: not in keys, messages, errors or what a child carries', () => {
    const { log, text } = logger('debug');
    const error = new Error('GET https://jo:hunter2@host failed', { cause: new Error('token=hunter2') });
    log
      .child({ url: 'https://jo:hunter2@host' })
      .error({ err: error, token: 'hunter2' }, 'Fetching https://jo:hunter2@host failed');
    log.info({ nested: { authorization: 'hunter2' } }, 'Calling');
    expect(text()).not.toContain('hunter2');
    expect(text()).toContain('Fetching https://[redacted]@host failed');
    expect(text()).toContain('logger.test.ts');
  });
});
