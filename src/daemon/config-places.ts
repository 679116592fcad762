/** Where things are, in `clm.yaml`. */
import type { ForgeConfig } from './config-outside.ts';

type Complain = (keys: PropertyKey[], message: string, remedy: string) => void;
type Listen = { host: string; port: number } | 'off' | 'invalid';

export function isRemote(url: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(url) || /^[^/\s]+@[^/\s]+:/.test(url);
}

export function parseListen(value: string): Listen {
  if (value === 'off') return 'off';
  const match = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i.exec(value);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) return 'invalid';
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
}

/** Where webhooks are taken: only what can be verified. */
export function webhooksOf(written: string, forge: ForgeConfig | undefined, complain: Complain): Listen {
  const listen = parseListen(written);
  const at = ['api', 'webhookListen'];
  if (listen === 'invalid')
    complain(at, `'${written}' is not an address`, "write host:port, for example 0.0.0.0:9096, or 'off'");
  if (listen !== 'off' && forge?.webhookSecret === undefined)
    complain(at, 'webhooks could not be verified', 'write forge.webhookSecretEnv (or webhookSecretFile), or off');
  return listen;
}

export function complainOfKubernetes(
  kubernetes: { urlTemplate?: string | undefined; token?: string | undefined; tokenFile?: string | undefined },
  complain: Complain,
): void {
  if (kubernetes.urlTemplate !== undefined && !kubernetes.urlTemplate.includes('{id}')) {
    complain(
      ['providers', 'kubernetes', 'urlTemplate'],
      'the template does not contain {id}, so that all clusters would share one address',
      'write {id} where the cluster id belongs: https://gateway.example/clusters/{id}',
    );
  }
  if (kubernetes.token !== undefined && kubernetes.tokenFile !== undefined) {
    complain(['providers', 'kubernetes', 'token'], 'token and tokenFile are both given', 'keep one of them');
  }
}
