import picocolors from 'picocolors';
import type { Io } from '../io.ts';

/** Colours for the output of a command: none unless it is a terminal. */
export function coloursOf(io: Io) {
  return picocolors.createColors(io.colours);
}
