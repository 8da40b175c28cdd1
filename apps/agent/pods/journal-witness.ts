import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import type { JournalState, JournalWitness } from '@caracal/ipam';

/** Room for two lines: what is written once fits ever after, on a file system that is full too. */
const fileBytes = 64;

/** Keeps a journal's state in a file that no boot survives, a line each: bytes, CRC-32 in hexadecimal. */
export function fileWitness(path: string): JournalWitness {
  let fd: number | undefined;
  return {
    read: () => parseStates(contentOf(path)),
    write(states) {
      fd ??= openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      const lines = states.map(({ bytes, checksum }) => `${bytes} ${checksum.toString(16).padStart(8, '0')}\n`);
      writeSync(fd, lines.join('').padEnd(fileBytes, '\n'), 0);
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

/** Lines that say nothing (the machine lost power) are no witness. */
function parseStates(text: string): JournalState[] {
  return [...text.matchAll(/^(\d+) ([0-9a-f]{8})$/gm)].map(([, bytes, checksum]) => ({
    bytes: Number(bytes),
    checksum: Number.parseInt(checksum, 16),
  }));
}
