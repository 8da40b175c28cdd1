import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

/**
 * A file that is there while a speaker runs and goes when it leaves for good. One that is found at the start is of a run
 * that crashed or is to be restarted: peers may hold our routes, and what it put into the kernel still forwards. A mark
 * from before a reboot means nothing: the kernel's routes are gone.
 */
export interface RunMark {
  /** What the earlier run left; undefined when there was none, or when it left for good. */
  readonly earlier: { readonly establishedPeers: readonly string[] } | undefined;
  /** The peers whose sessions are established have changed. */
  update(establishedPeers: readonly string[]): void;
  remove(): void;
}

const schema = z.object({ bootId: z.string(), establishedPeers: z.array(z.string()) });

const thisBoot = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Reads the mark of an earlier run, and leaves our own. */
export function openRunMark(path: string, bootId: string = thisBoot()): RunMark {
  const earlier = read(path, bootId);
  let written = '';
  const write = (establishedPeers: readonly string[]) => {
    const text = JSON.stringify({ bootId, establishedPeers });
    if (text === written) return;
    written = text;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  write(earlier?.establishedPeers ?? []);
  return { earlier, update: write, remove: () => rmSync(path, { force: true }) };
}

function read(path: string, bootId: string): RunMark['earlier'] {
  try {
    const mark = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return mark.bootId === bootId ? mark : undefined;
  } catch {
    // Absent, or of another version: then nothing is known of an earlier run.
    return undefined;
  }
}
