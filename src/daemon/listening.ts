/** Opens a port of the daemon, with errors that say which one and what it is for. */
import type { Server } from 'node:http';
import { FailureError, terminal } from '../domain/failure.ts';

/** Throws FailureError `port-in-use` or `listen-failed`. */
export function listening(server: Server, listen: { host: string; port: number }, use: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = `The address ${listen.host}:${listen.port} for ${use}`;
      reject(
        new FailureError(
          error.code === 'EADDRINUSE'
            ? terminal('port-in-use', `${where} is in use by another process.`)
            : terminal('listen-failed', `${where} cannot be used: ${error.message}.`),
        ),
      );
    });
    server.listen(listen.port, listen.host, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}
