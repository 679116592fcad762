/** Which proxy the environment names, by the rules of Go's net/http. */
import { describe, expect, it } from 'vitest';
import { isProxyAddress, proxyOfEnvironment } from '../../../src/providers/kube/environment-proxy.ts';

const proxy = 'http://proxy.example.org:3128';

function goesThrough(server: string, noProxy: string): boolean {
  return proxyOfEnvironment(server, { HTTPS_PROXY: proxy, NO_PROXY: noProxy }) !== undefined;
}

describe('the proxy of an address', () => {
  const cases: [string, Record<string, string>, { url: string; variable: string } | undefined][] = [
    ['https://api.test', {}, undefined],
    ['https://api.test', { HTTPS_PROXY: proxy }, { url: proxy, variable: 'HTTPS_PROXY' }],
    ['https://api.test', { https_proxy: proxy }, { url: proxy, variable: 'https_proxy' }],
    ['https://api.test', { https_proxy: 'http://b', HTTPS_PROXY: proxy }, { url: proxy, variable: 'HTTPS_PROXY' }],
    ['https://api.test', { https_proxy: proxy, HTTPS_PROXY: '' }, { url: proxy, variable: 'https_proxy' }],
    ['https://api.test', { HTTP_PROXY: proxy }, undefined],
    ['http://api.test', { HTTP_PROXY: proxy }, { url: proxy, variable: 'HTTP_PROXY' }],
    ['http://api.test', { HTTPS_PROXY: proxy }, undefined],
    ['https://api.test', { HTTPS_PROXY: 'proxy:3128' }, { url: 'http://proxy:3128', variable: 'HTTPS_PROXY' }],
    ['https://api.test', { HTTPS_PROXY: 'socks5://s:1080' }, { url: 'socks5://s:1080', variable: 'HTTPS_PROXY' }],
    [
      'https://api.test',
      { HTTPS_PROXY: proxy, NO_PROXY: 'other', no_proxy: '*' },
      { url: proxy, variable: 'HTTPS_PROXY' },
    ],
    ['https://api.test', { HTTPS_PROXY: proxy, no_proxy: 'api.test' }, undefined],
    ['no url', { HTTPS_PROXY: proxy }, undefined],
  ];
  it.each(cases)('%s with %o is %o', (server, environment, wanted) => {
    expect(proxyOfEnvironment(server, environment)).toEqual(wanted);
  });

  it.each([
    'https://localhost:6443',
    'https://127.0.0.1:6443',
    'https://127.8.9.10',
    'https://[::1]:6443',
    'https://[::ffff:127.0.0.1]',
  ])('is none for %s, which is this machine', (server) => {
    expect(goesThrough(server, '')).toBe(false);
  });
});

describe('what NO_PROXY passes by', () => {
  const direct: [string, string][] = [
    ['https://api.test', '*'],
    ['https://api.test', ' other , * '],
    ['https://api.test', 'api.test'],
    ['https://API.Test', 'api.TEST'],
    ['https://api.eu.example.org', 'example.org'],
    ['https://api.eu.example.org', '.example.org'],
    ['https://api.eu.example.org', '*.example.org'],
    ['https://example.org', 'example.org'],
    ['https://api.test:6443', 'api.test:6443'],
    ['https://api.test', 'api.test:443'],
    ['https://api.bücher.test', 'bücher.test'],
    ['https://10.1.2.3', '10.1.2.3'],
    ['https://10.1.2.3:6443', '10.1.2.3:6443'],
    ['https://10.1.2.3', '192.168.0.0/16,10.0.0.0/8'],
    ['https://[fd00:1::5]:6443', 'fd00::/8'],
    ['https://[fd00:0:0::5]', 'fd00::5'],
    ['https://[fd00::5]:6443', '[fd00::5]:6443'],
  ];
  it.each(direct)('%s by %s', (server, noProxy) => {
    expect(goesThrough(server, noProxy)).toBe(false);
  });

  const through: [string, string][] = [
    ['https://api.test', ''],
    ['https://api.test', ',, ,'],
    ['https://notexample.org', 'example.org'],
    ['https://example.org', '.example.org'],
    ['https://example.org', '*.example.org'],
    ['https://api.example.org', '*example.org'],
    ['https://api.example.org', 'api.*'],
    ['https://api.test:6443', 'api.test:443'],
    ['https://api.test:6443', ':6443'],
    ['https://11.1.2.3', '10.0.0.0/8'],
    ['https://10.1.2.3', '10.1.2.3/33'],
    ['https://10.1.2.3', '10.1.2'],
    ['https://10.1.2.3:6443', '10.1.2.3:443'],
    ['https://api.test', '0.0.0.0/0'],
    ['https://[fe00::5]', 'fd00::/8'],
  ];
  it.each(through)('not %s by %s', (server, noProxy) => {
    expect(goesThrough(server, noProxy)).toBe(true);
  });
});

it('proxies are spoken to over http, https and socks5', () => {
  for (const url of [proxy, 'https://p', 'socks5://p:1080', 'socks5h://u:s@p']) expect(isProxyAddress(url)).toBe(true);
  for (const url of ['ftp://p', 'http://', 'proxy', 'socks4://p']) expect(isProxyAddress(url)).toBe(false);
});
