import type { SpeakerUnderTest } from './speakers.ts';

export interface Figure {
  readonly key: string;
  readonly label: string;
  readonly unit: 'ms' | 'MiB' | '';
}

export type Figures = Readonly<Record<string, number>>;

/** One thing that is measured, of every speaker. */
export interface BgpPart {
  readonly name: string;
  readonly title: string;
  /** What a run gives, as columns. */
  readonly figures: readonly Figure[];
  /** One run. Rejects with `NotReached` when the speaker does not get there. */
  measure(speaker: SpeakerUnderTest): Promise<Figures>;
}

export interface PartResult {
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly runs: number;
  readonly speakers: readonly SpeakerResult[];
  /** Our figures as a share of another speaker's. */
  readonly ratios: Readonly<Record<string, Figures>>;
}

/** The median of each figure by itself, and every run; or why there is none. */
export type SpeakerResult = { readonly name: string } & (
  | { readonly median: Figures; readonly all: readonly Figures[] }
  | { readonly missing: string }
);

export function resultOf(part: BgpPart, runs: number, speakers: readonly SpeakerResult[]): PartResult {
  const ours = speakers.find(({ name }) => name === 'caracal');
  const ratios: Record<string, Figures> = {};
  for (const other of speakers) {
    if (!ours || !('median' in ours) || other === ours || !('median' in other)) continue;
    ratios[other.name] = Object.fromEntries(part.figures.map(({ key }) => [key, ours.median[key] / other.median[key]]));
  }
  return { title: part.title, figures: part.figures, runs, speakers, ratios };
}

export function medianOf(all: readonly Figures[], figures: readonly Figure[]): Figures {
  const middle = (key: string) => all.map((run) => run[key]).sort((a, b) => a - b)[all.length >> 1];
  return Object.fromEntries(figures.map(({ key }) => [key, middle(key)]));
}

export function formatPart({ title, figures, runs, speakers, ratios }: PartResult): string {
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(18), ...cells.map((cell) => cell.padStart(11))].join(' ').trimEnd();
  const text = (value: number, unit: Figure['unit']) => {
    if (unit === 'ms') return `${(value / 1000).toFixed(2)} s`;
    return unit === '' ? `${value}` : `${value} ${unit}`;
  };
  return [
    `${title}; ${runs === 1 ? 'one run' : `medians of ${runs}`}`,
    line(
      'speaker',
      figures.map(({ label }) => label),
    ),
    ...speakers.map((speaker) =>
      line(
        speaker.name,
        'missing' in speaker ? [speaker.missing] : figures.map(({ key, unit }) => text(speaker.median[key], unit)),
      ),
    ),
    ...Object.entries(ratios).map(([name, ratio]) =>
      line(
        `caracal / ${name}`,
        figures.map(({ key }) => ratio[key].toFixed(2)),
      ),
    ),
  ].join('\n');
}
