// The lab as a library: the same code as the command line's, for the demo and the end-to-end tests.
export type { Lab, Place } from './lab.ts';
export type { PodOptions } from './pods.ts';
export type { PodRecord } from './state.ts';
export type { LabStatus } from './status.ts';
export type { TorKind } from './topology.ts';
export type { UpOptions } from './up.ts';

import { undoAtExit } from '../support/undo.ts';
import { createLab, type Lab } from './lab.ts';
import { readLab } from './state.ts';
import { buildLab, dismantleLab, dismantleLabAtExit, type UpOptions } from './up.ts';

/**
 * Builds a lab and answers when its parts accept connections (and, unless it is bare or without BIRD, every node has its BGP
 * session). A leftover lab of that name goes first. When it fails or is aborted nothing is left, and the error holds the end of
 * the log of the part that failed.
 */
export const upLab = async (options: UpOptions = {}): Promise<Lab> => createLab(await buildLab(options));

/** The same, for as long as this process runs: a lab that is up when the process ends, however it does, is taken down. */
export async function upTemporaryLab(options: UpOptions & { readonly name: string }): Promise<Lab> {
  const undone = undoAtExit(() => dismantleLabAtExit(options.name));
  try {
    const lab = await upLab(options);
    return { ...lab, down: () => lab.down().then(undone) };
  } catch (error) {
    undone();
    throw error;
  }
}

/** A lab that an earlier process has built. */
export async function openLab(name = 'lab'): Promise<Lab> {
  const topology = await readLab(name);
  if (!topology) throw new Error(`there is no lab ${name}; \`npm run lab -- up --name ${name}\` makes it`);
  return createLab(topology);
}

/** Takes a lab down, in whatever state it is; false when there was none. */
export const downLab = (name = 'lab'): Promise<boolean> => dismantleLab(name);
