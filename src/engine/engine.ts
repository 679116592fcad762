import type { Engine, EngineOptions } from './engine-options.ts';
import { EngineRuntime } from './engine-runtime.ts';

/** The durable runtime: runs the steps that machines' states name, and commits every transition. */
export function createEngine(options: EngineOptions): Engine {
  return new EngineRuntime(options);
}
