/** Structured logs for the person on call: static messages, fixed keys, no secrets. */
import pino from 'pino';
import { redactText, redactValue } from './redact.ts';

/** The fixed keys; anything else goes beside them under a name that explains itself. `err` takes an Error. */
export interface LogKeys {
  rolloutId?: string;
  clusterId?: string;
  nodePool?: string;
  step?: string;
  attempt?: number;
  seq?: number;
  err?: unknown;
  [key: string]: unknown;
}

/** The message is a constant sentence; what varies goes into the keys. */
export interface Logger {
  debug(keys: LogKeys, message: string): void;
  info(keys: LogKeys, message: string): void;
  warn(keys: LogKeys, message: string): void;
  error(keys: LogKeys, message: string): void;
  /** A logger that adds these keys to every line. */
  child(keys: LogKeys): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  level: LogLevel;
  /** Where lines go; standard error unless given, so that standard output stays for results. */
  write?: (line: string) => void;
}

/** JSON lines through pino. Every key and message passes redaction. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.write ? { write: options.write } : pino.destination({ fd: 2, sync: false });
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // pino's own error serializer would run before redaction and let secrets in messages through
      serializers: { err: redactValue },
      formatters: {
        level: (label) => ({ level: label }),
        log: (keys) => redactValue(keys) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          const last = args.length - 1;
          if (typeof args[last] === 'string') args[last] = redactText(args[last]);
          method.apply(this, args);
        },
      },
    },
    destination,
  );
  return redactingChildren(log);
}

/** pino prints the keys of a child once, past the formatters: they are redacted before it sees them. */
function redactingChildren(log: pino.Logger): Logger {
  return {
    debug: (keys, message) => log.debug(keys, message),
    info: (keys, message) => log.info(keys, message),
    warn: (keys, message) => log.warn(keys, message),
    error: (keys, message) => log.error(keys, message),
    child: (keys) => redactingChildren(log.child(redactValue(keys) as Record<string, unknown>)),
  };
}

/** Says nothing: for tests and commands that print their own result. */
export function silentLogger(): Logger {
  const quiet: Logger = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: () => {},
    child: () => quiet,
  };
  return quiet;
}
