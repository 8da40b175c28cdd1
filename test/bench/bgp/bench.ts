import { existsSync } from 'node:fs';
import { flap, share } from './many.ts';
import { type BgpPart, type Figures, formatPart, medianOf, type PartResult, resultOf } from './part.ts';
import { bgpSpeakers, compileCaracal, type SpeakerUnderTest } from './speakers.ts';
import { through } from './through.ts';
import { NotReached } from './world.ts';

/**
 * Speakers side by side, each in a network namespace of its own. They take turns, so that all of them meet the same
 * machine. `caracal` is compiled as in the image, `sources` are run as they are, when they are asked for.
 */
export interface BgpBenchOptions {
  /** One table of this size alone. */
  readonly routes?: number;
  readonly perUpdate: number;
  readonly runs: number;
  /** Parts by name; all of them when absent. */
  readonly parts?: readonly string[];
  /** Speakers by name; all but `sources` when absent. */
  readonly only?: readonly string[];
  readonly onProgress: (line: string) => void;
}

export interface BgpBenchResult {
  readonly parts: readonly PartResult[];
}

const everything: readonly BgpPart[] = [
  through(200_000, 4),
  through(200_000, 1),
  through(1_000_000, 4),
  share(200, 5_000),
  flap(20, 100_000, 5),
];

export async function benchBgp(options: BgpBenchOptions): Promise<BgpBenchResult> {
  const { routes, perUpdate, runs, parts: names, only, onProgress } = options;
  const parts =
    routes === undefined
      ? everything.filter(({ name }) => names?.includes(name) ?? true)
      : [through(routes, perUpdate)];
  const speakers = bgpSpeakers.filter(({ name }) => (only ? only.includes(name) : name !== 'sources'));
  if (speakers.some(({ name }) => name === 'caracal')) compileCaracal();
  const results: PartResult[] = [];
  for (const part of parts) {
    onProgress(part.title);
    results.push(await measurePart(part, speakers, runs, onProgress));
    onProgress('');
  }
  return { parts: results };
}

async function measurePart(
  part: BgpPart,
  speakers: readonly SpeakerUnderTest[],
  runs: number,
  onProgress: (line: string) => void,
): Promise<PartResult> {
  const measured = new Map<string, Figures[]>(speakers.map(({ name }) => [name, []]));
  const missing = new Map<string, string>();
  for (const { name, program } of speakers) {
    if (!existsSync(program)) missing.set(name, `${program} is not installed`);
  }
  for (let i = 1; i <= runs; i++) {
    for (const speaker of speakers) {
      const { name } = speaker;
      if (missing.has(name)) continue;
      try {
        const run = await part.measure(speaker);
        measured.get(name)?.push(run);
        const figures = part.figures.map(({ key, label }) => `${label} ${Math.round(run[key])}`);
        onProgress(`  ${name}, run ${i} of ${runs}: ${figures.join(', ')}`);
      } catch (error) {
        if (!(error instanceof NotReached)) throw error;
        // It would not get there the next time either.
        missing.set(name, error.message);
        onProgress(`  ${name}, run ${i} of ${runs}: ${error.message}`);
      }
    }
  }
  const results = speakers.map(({ name }) => {
    const all = measured.get(name) ?? [];
    const reason = missing.get(name);
    return reason === undefined ? { name, median: medianOf(all, part.figures), all } : { name, missing: reason };
  });
  return resultOf(part, runs, results);
}

export const formatBgpBench = ({ parts }: BgpBenchResult) => parts.map(formatPart).join('\n\n');
