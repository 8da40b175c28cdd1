// agnhost, built from Kubernetes' own source, and the pause image, a program of a few lines, as one archive.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { binaryPath } from './build.ts';
import { exists } from './files.ts';
import { pauseImage, supportArchive } from './topology.ts';

/** The name under which upstream's tests ask for agnhost. */
export const agnhostImage = 'registry.k8s.io/e2e-test-images/agnhost:2.66.1';

/** Packs the archive unless it is there (docker save's format: a manifest, a configuration for each image, one layer). */
export async function ensureSupportImages(): Promise<string> {
  if (await exists(supportArchive)) return supportArchive;
  await mkdir(dirname(supportArchive), { recursive: true, mode: 0o755 });
  const folder = await mkdtemp(join(tmpdir(), 'caracal-agnhost-'));
  try {
    const agnhost = await addLayer(folder, 'agnhost', (path) => copyFile(binaryPath('agnhost'), path));
    const source = fileURLToPath(new URL('./pause.c', import.meta.url));
    const pause = await addLayer(folder, 'pause', (path) => execa('musl-gcc', ['-static', '-Os', '-o', path, source]));
    const images = [
      { tag: pauseImage, layer: pause, config: { Entrypoint: ['/pause'] } },
      { tag: agnhostImage, layer: agnhost, config: { Entrypoint: ['/agnhost'], Cmd: ['pause'] } },
    ];
    const files = [pause.file, agnhost.file];
    const manifest = [];
    for (const { tag, layer, config } of images) {
      const text = JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { ...config, Env: ['PATH=/'] },
        rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      });
      const name = `${createHash('sha256').update(text).digest('hex')}.json`;
      await writeFile(join(folder, name), text);
      files.push(name);
      manifest.push({ Config: name, RepoTags: [tag], Layers: [layer.file] });
    }
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const partial = `${supportArchive}.partial`;
    await execa('tar', ['-cf', partial, '-C', folder, 'manifest.json', ...files]);
    await rename(partial, supportArchive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return supportArchive;
}

/** A layer with one program at its root: the layer's file in `folder`, and its digest. */
async function addLayer(folder: string, name: string, write: (path: string) => Promise<unknown>) {
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
