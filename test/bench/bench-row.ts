/** One line of the printed table. */
export interface BenchRow {
  name: string;
  value: number;
  unit: string;
  note: string;
}

export interface Measured {
  wallMs: number;
  /** Of this process. */
  cpuMs: number;
}
