/** What a machine of a type offers its pods. */
export interface MachineSize {
  cpu: number;
  memoryGiB: number;
  maxPods: number;
}

const familyMemory: Record<string, number> = { c: 2, m: 4, r: 8, t: 4, x: 16, i: 8, g: 4, p: 8 };
const sizeCpu: Record<string, number> = {
  nano: 2,
  micro: 2,
  small: 2,
  medium: 2,
  large: 2,
  xlarge: 4,
  metal: 96,
};
const podLimits: Record<number, number> = { 2: 29, 4: 58, 8: 58, 16: 234, 32: 234, 48: 234, 64: 737, 96: 737 };
const burstable: Record<string, number> = {
  nano: 0.5,
  micro: 1,
  small: 2,
  medium: 4,
  large: 8,
  xlarge: 16,
  '2xlarge': 32,
};

/** Sizes follow the naming of the types: family letter → memory a CPU, size → CPUs. */
export function machineSize(instanceType: string): MachineSize {
  const [family = 'm5', size = 'large'] = instanceType.split('.');
  const multiple = /^(\d+)xlarge$/.exec(size);
  const cpu = multiple ? 4 * Number(multiple[1]) : (sizeCpu[size] ?? 2);
  const letter = family[0] ?? 'm';
  const memoryGiB = letter === 't' ? (burstable[size] ?? cpu * 4) : cpu * (familyMemory[letter] ?? 4);
  return { cpu, memoryGiB, maxPods: podLimits[cpu] ?? 110 };
}

/** A node's capacity and what of it pods may use, as the API shows them. */
export function nodeResources(instanceType: string): {
  capacity: Record<string, string>;
  allocatable: Record<string, string>;
} {
  const { cpu, memoryGiB, maxPods } = machineSize(instanceType);
  const memoryKi = Math.round(memoryGiB * 1024 * 1024 * 0.97);
  const capacity = {
    cpu: String(cpu),
    'ephemeral-storage': '52416492Ki',
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: `${memoryKi}Ki`,
    pods: String(maxPods),
  };
  const reservedMi = 255 + 11 * maxPods;
  const allocatable = {
    ...capacity,
    cpu: `${cpu * 1000 - (cpu <= 4 ? 80 : 120)}m`,
    'ephemeral-storage': '47233297124',
    memory: `${Math.max(131_072, memoryKi - Math.min(reservedMi, memoryGiB * 256) * 1024)}Ki`,
  };
  return { capacity, allocatable };
}
