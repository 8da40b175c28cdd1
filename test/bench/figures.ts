export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}

/** A line of a table: a name, and figures in milliseconds or texts. */
export function row(name: string, ...cells: readonly (number | string)[]): string {
  const texts = cells.map((cell) => (typeof cell === 'number' ? `${cell.toFixed(2)} ms` : cell).padStart(12));
  return (name.padEnd(24) + texts.join('')).trimEnd();
}
