/** Counts calls of a port by outcome, without knowing its methods. */
import { FailureError } from '../domain/failure.ts';
import { wallMs } from '../support/deadline.ts';

export type CallReport = (operation: string, outcome: string, wallMs: number) => void;

/** The same object, with every method that returns a promise measured. */
export function measured<Port extends object>(port: Port, report: CallReport): Port {
  const wrapped = new Map<PropertyKey, unknown>();
  return new Proxy(port, {
    get(target, name) {
      const known = wrapped.get(name);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = (...args: unknown[]): unknown => {
        const started = wallMs();
        const result: unknown = Reflect.apply(value, target, args);
        if (!(result instanceof Promise)) return result;
        return result.then(
          (answer: unknown) => {
            report(String(name), 'ok', wallMs() - started);
            return answer;
          },
          (error: unknown) => {
            const code = error instanceof FailureError ? error.failure.code : 'internal-error';
            report(String(name), code, wallMs() - started);
            throw error;
          },
        );
      };
      wrapped.set(name, method);
      return method;
    },
  });
}
