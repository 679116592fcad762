import { fieldsOf } from '../kube/object.ts';
import type { Program } from '../kube/process.ts';
import type { RuntimeFaults } from '../network/runtime-faults.ts';

const runMs = 2_500;

/** NVIDIA's sample that adds vectors: it needs a device that the kubelet has given to its container, and a driver. */
export function gpuSample(faults: RuntimeFaults): Program {
  return {
    start: (process) =>
      process.after(runMs, () => {
        const limits = fieldsOf(fieldsOf(process.container['resources'])['limits']);
        const device = Number(limits['nvidia.com/gpu'] ?? 0) > 0;
        process.log('[Vector addition of 50000 elements]');
        if (device && faults.values.gpuDriver === 'ok') {
          process.log('Test PASSED');
          process.exit(0);
          return;
        }
        const why = device
          ? 'CUDA driver version is insufficient for CUDA runtime version'
          : 'no CUDA-capable device is detected';
        process.log(`Failed to allocate device vector A (error code ${why})!`);
        process.exit(1);
      }),
    bootMs: () => undefined,
    listens: () => false,
    serve: () => 'reset',
    exec: () => ({ code: 1, output: '' }),
  };
}
