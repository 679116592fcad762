import { describe, expect, it } from 'vitest';
import {
  hideInData,
  hideValues,
  isSecretKey,
  redactProse,
  redactText,
  redactValue,
} from '../../../src/support/redact.ts';

describe('redaction', () => {
  it.each([
    ['https://jo:hunter2@git.example.org/config.git', 'hunter2'],
    ['https://ghp_abcdefghijklmnop@github.com/x/y', 'ghp_abcdefghijklmnop'],
    ['cloning ssh://deploy:s3cr3t@host failed', 's3cr3t'],
    ['Authorization: Bearer abc.def.ghi', 'abc.def.ghi'],
    ['authorization=Basic am86aHVudGVyMg==', 'am86aHVudGVyMg'],
    ['sent "Bearer 0123456789abcdef" to the API', '0123456789abcdef'],
    ['it sends Basic dXNlcjpwYXNz with each request', 'dXNlcjpwYXNz'],
    ['GET /?X-Amz-Signature=deadbeef&X-Amz-Date=20260101', 'deadbeef'],
    ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG', 'wJalrXUtnFEMI'],
    ['token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqbyJ9.c2lnbmF0dXJl expired', 'c2lnbmF0dXJl'],
    ['refused glpat-ABCDEFGH12345678', 'ABCDEFGH12345678'],
    ['{"SecretAccessKey":"wJalrXUtnFEMI/K7MDENG"}', 'wJalrXUtnFEMI'],
    ['rotate AKIAZ7QHWJ3ABCDEFGH2 now', 'AKIAZ7QHWJ3ABCDEFGH2'],
    ['-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----', 'MHcCAQEE'],
    ['post to https://hooks.slack.com/services/T00/B00/XXXX', 'T00/B00'],
    ['signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ])('takes the secret out of %s', (text, secret) => {
    const redacted = redactText(text);
    expect(redacted).not.toContain(secret);
    expect(redacted).toContain('[redacted]');
  });

  it.each([
    'node ip-10-1-2-3.eu-central-1.compute.internal was drained',
    'aws:123456789012:eu-central-1:kube-1 is at 3f2c1a#0123456789abcdef',
    'https://kube-1.example.org:6443/api/v1/pods?limit=500',
    'commit by jo@example.org',
    'AKIA123456789012 called sts:GetCallerIdentity',
    '[sig-network] Services should serve a basic endpoint from pods',
    '[sig-apps] StatefulSet Basic StatefulSet functionality',
  ])('leaves %s as it is', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('hides planted values in data and changes nothing else of it, and leaves words alone that are as short as words', () => {
    const before = { list: [1, null, { token: 'kept', text: 'says swordfish"42 twice: swordfish"42' }], word: 'beta' };
    expect(hideInData(before)).toBe(before);
    hideValues(['swordfish"42', 'beta']);
    expect(hideInData(before)).toEqual({
      list: [1, null, { token: 'kept', text: 'says [redacted] twice: [redacted]' }],
      word: 'beta',
    });
  });

  it('hides planted values where people read, tokens everywhere, and leaves the names that things are found by', () => {
    const stored = { scope: { kind: 'channel', name: 'production-eu' }, until: 3, more: ['a', null] };
    expect(redactProse(stored)).toBe(stored);
    hideValues(['production-eu']);
    const said = 'production-eu, Bearer 0123456789abcdef';
    const read = { ...stored, reason: said, said, steps: [{ name: said, message: said }], evidence: [said] };
    expect(redactProse(read)).toEqual({
      ...{ ...stored, reason: '[redacted], Bearer [redacted]', said: 'production-eu, Bearer [redacted]' },
      steps: [{ name: 'production-eu, Bearer [redacted]', message: '[redacted], Bearer [redacted]' }],
      evidence: ['[redacted], Bearer [redacted]'],
    });
    expect(redactProse(stored)).toBe(stored);
  });

  it('hides what is stored under the name of a secret, at any depth, and nothing else', () => {
    const value = {
      url: 'https://jo:pw@host/',
      credentials: { accessKeyId: 'AKIA1', secretAccessKey: 'x' },
      headers: { Authorization: 'anything', accept: 'json' },
      list: [{ session_token: 'x' }, 'Bearer 0123456789'],
      tokens: 3,
      password: null,
    };
    expect(redactValue(value)).toEqual({
      url: 'https://[redacted]@host/',
      credentials: '[redacted]',
      headers: { Authorization: '[redacted]', accept: 'json' },
      list: [{ session_token: '[redacted]' }, 'Bearer [redacted]'],
      tokens: 3,
      password: null,
    });
  });

  it('keeps the stack and the cause of an error, without the secrets in them', () => {
    const error = new Error('push to https://jo:pw@host failed', { cause: new Error('Bearer 0123456789') });
    const shown = JSON.stringify(redactValue(error));
    expect(shown).toContain('redact.test.ts');
    expect(shown).not.toContain('jo:pw');
    expect(shown).not.toContain('0123456789');
  });

  it('ends on a cycle and on a very wide value', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(JSON.stringify(redactValue(cycle))).toContain('too deep');
    expect(redactValue(Array.from({ length: 5_000 }, () => 1))).toHaveLength(200);
  });

  it('knows the names of secrets, and that a count of tokens is none', () => {
    const secrets = [
      'token',
      'apiKey',
      'client-secret',
      'dbPassword',
      'privateKey',
      'AWS_SESSION_TOKEN',
      'Authorization',
    ];
    expect(secrets.filter((key) => !isSecretKey(key))).toEqual([]);
    expect(['tokens', 'keyCount', 'cluster', 'nodePool', 'reason'].filter(isSecretKey)).toEqual([]);
  });
});
