// A disk of its own for a machine's journal, which can be full to the last byte.
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Journal } from '@caracal/ipam';
import { execa } from 'execa';
import { encodeRecord } from '../../../libs/ipam/journal-format.ts';

const pageBytes = 4096;

/** A tmpfs; needs root. */
export class SmallDisk {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async mount(folder: string, kib = 256): Promise<SmallDisk> {
    await mkdir(folder, { recursive: true });
    await execa('mount', ['-t', 'tmpfs', '-o', `size=${kib}k,mode=0700`, 'caracal-test', folder]);
    return new SmallDisk(folder);
  }

  async unmount(): Promise<void> {
    await execa('umount', [this.#folder]);
  }

  /**
   * Takes all room. A file may still grow within its last page: so the journal gets a record that ends with one, which frees a handle
   * that nobody has.
   */
  async fill(journal: Journal, path: string): Promise<void> {
    const release = (handle: string) => ({ type: 'release' as const, handle, atMs: 0 });
    const shortest = encodeRecord(release('')).length;
    const { size } = await stat(path);
    const room = (pageBytes - (size % pageBytes)) % pageBytes;
    if (room > 0) await journal.append([release('x'.repeat(room - shortest + (room < shortest ? pageBytes : 0)))]);
    await writeFile(this.#ballast, Buffer.alloc(1024 * 1024)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOSPC') throw error;
    });
  }

  async makeRoom(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(this.#folder, 'ballast');
  }
}
