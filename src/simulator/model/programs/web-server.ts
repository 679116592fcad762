import type { Process, Program } from '../kube/process.ts';
import { httpAnswer } from '../network/messages.ts';

const root = '/usr/share/nginx/html';
const welcome =
  '<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head><body>Welcome to nginx!</body></html>\n';

/** nginx and its like: files below its root on port 80, an access log on stdout. */
export function webServer(bootMs: (process: Process) => number): Program {
  return {
    bootMs,
    listens: (process, port, transport) =>
      transport === 'TCP' &&
      (port === 80 || process.container.ports?.some((each) => each.containerPort === port) === true),
    serve: (process, _port, message, from) => {
      if (message.kind !== 'http' || message.tls) return 'reset';
      const path = message.path.split('?')[0] ?? '/';
      const found = process.files.read(`${root}${path.endsWith('/') ? `${path}index.html` : path}`);
      const missing = 'error' in found;
      const body = !missing ? found.content : path === '/' ? welcome : '404 Not Found\n';
      const status = missing && path !== '/' ? 404 : 200;
      const agent = message.headers['user-agent'] ?? '-';
      const at = new Date(process.now()).toISOString();
      process.log(
        `${from} - - [${at}] "${message.method} ${message.path} HTTP/1.1" ${status} ${body.length} "-" "${agent}"`,
      );
      const date = new Date(process.now()).toUTCString();
      const served = process.pod()?.metadata.name ?? '';
      return {
        reply: httpAnswer(status, body, { server: 'nginx', 'content-type': 'text/html', date, 'x-served-by': served }),
        afterMs: 1,
      };
    },
    exec: () => ({ code: 0, output: '' }),
  };
}
