/** A Unix socket's file: a dead daemon's is replaced, a living one's never. */
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { FailureError, terminal } from '../domain/failure.ts';
import { startDeadline } from '../support/deadline.ts';

const probeTimeoutMs = 2_000;

/** Makes the path free to listen on. Throws FailureError `socket-in-use` or `socket-unusable`. */
export async function claimSocket(socketPath: string): Promise<void> {
  try {
    mkdirSync(path.dirname(socketPath), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unusable(socketPath, `its folder cannot be made: ${(error as Error).message}`);
  }
  const stat = lstatSync(socketPath, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw unusable(socketPath, 'there is a file at that path that is not a socket');
  if (await somebodyAnswers(socketPath)) {
    throw new FailureError(
      terminal(
        'socket-in-use',
        `The API socket ${socketPath} is in use by a running process; the daemon may be running already.`,
      ),
    );
  }
  try {
    unlinkSync(socketPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw unusable(socketPath, `the old socket file cannot be removed: ${(error as Error).message}`);
  }
}

/** true unless the connection is refused outright: a process too busy to answer is alive. */
export function somebodyAnswers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const deadline = startDeadline(probeTimeoutMs, `connecting to ${socketPath}`);
    const socket = connect(socketPath);
    const finish = (alive: boolean): void => {
      deadline.clear();
      socket.destroy();
      resolve(alive);
    };
    deadline.signal.addEventListener('abort', () => finish(true), { once: true });
    socket.once('connect', () => finish(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}

function unusable(socketPath: string, why: string): FailureError {
  return new FailureError(terminal('socket-unusable', `The API socket ${socketPath} cannot be used: ${why}.`));
}
