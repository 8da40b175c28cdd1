// Images made without a registry: each of one program, together in one archive as `docker save` writes it.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

export interface ProgramImage {
  readonly tag: string;
  /** The program's name; it lies at the root. */
  readonly program: string;
  /** Writes the program, statically linked, to the path. */
  write(path: string): Promise<unknown>;
  /** Of the image's configuration: Entrypoint, Cmd. */
  readonly config: object;
}

/** What holds a pod's namespaces open. */
export function pauseImage(tag: string): ProgramImage {
  const source = fileURLToPath(new URL('./pause.c', import.meta.url));
  const write = (path: string) => execa('musl-gcc', ['-static', '-Os', '-o', path, source]);
  return { tag, program: 'pause', write, config: { Entrypoint: ['/pause'] } };
}

/** Writes the archive (a manifest, a configuration for each image, one layer), whole or not at all. */
export async function writeImageArchive(archive: string, images: readonly ProgramImage[]): Promise<void> {
  await mkdir(dirname(archive), { recursive: true, mode: 0o755 });
  const folder = makeTemporaryFolder('images');
  try {
    const files = ['manifest.json'];
    const manifest = [];
    for (const { tag, program, write, config } of images) {
      const layer = await addLayer(folder, program, write);
      const text = JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { ...config, Env: ['PATH=/'] },
        rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      });
      const name = `${createHash('sha256').update(text).digest('hex')}.json`;
      await writeFile(join(folder, name), text);
      files.push(name, layer.file);
      manifest.push({ Config: name, RepoTags: [tag], Layers: [layer.file] });
    }
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const partial = `${archive}.partial`;
    await execa('tar', ['-cf', partial, '-C', folder, ...files]);
    await rename(partial, archive);
  } finally {
    removeTemporaryFolder(folder);
  }
}

/** A layer with one program at its root: the layer's file in `folder`, and its digest. */
async function addLayer(folder: string, name: string, write: ProgramImage['write']) {
  const root = join(folder, `${name}-root`);
  const file = `${name}.tar`;
  await mkdir(root);
  await write(join(root, name));
  await execa('tar', ['--owner=0', '--group=0', '--mtime=@0', '-cf', join(folder, file), '-C', root, name]);
  const digest = createHash('sha256')
    .update(await readFile(join(folder, file)))
    .digest('hex');
  return { file, diffId: `sha256:${digest}` };
}
