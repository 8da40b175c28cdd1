// agnhost and the pause image as an archive: both are one program, built from Kubernetes' own source.
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { binaryPath } from './build.ts';
import { pauseImage, supportArchive } from './topology.ts';

/** The name under which upstream's tests ask for agnhost. */
export const agnhostImage = 'registry.k8s.io/e2e-test-images/agnhost:2.66.1';

/** Packs the archive unless it is there (docker save's format: a manifest, a configuration for each image, one layer). */
export async function ensureSupportImages(): Promise<string> {
  const present = await access(supportArchive).then(
    () => true,
    () => false,
  );
  if (present) return supportArchive;
  await mkdir(dirname(supportArchive), { recursive: true, mode: 0o755 });
  const folder = await mkdtemp(join(tmpdir(), 'caracal-agnhost-'));
  try {
    await mkdir(join(folder, 'root'));
    await copyFile(binaryPath('agnhost'), join(folder, 'root', 'agnhost'));
    const owner = ['--owner=0', '--group=0', '--mtime=@0'];
    await execa('tar', [...owner, '-cf', join(folder, 'layer.tar'), '-C', join(folder, 'root'), 'agnhost']);
    const layer = await readFile(join(folder, 'layer.tar'));
    const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
    const images = [
      { tags: [pauseImage], config: { Entrypoint: ['/agnhost', 'pause'] } },
      { tags: [agnhostImage], config: { Entrypoint: ['/agnhost'], Cmd: ['pause'] } },
    ];
    const files: string[] = [];
    const manifest = [];
    for (const { tags, config } of images) {
      const text = JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { ...config, Env: ['PATH=/'] },
        rootfs: { type: 'layers', diff_ids: [diffId] },
      });
      const name = `${createHash('sha256').update(text).digest('hex')}.json`;
      await writeFile(join(folder, name), text);
      files.push(name);
      manifest.push({ Config: name, RepoTags: tags, Layers: ['layer.tar'] });
    }
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const partial = `${supportArchive}.partial`;
    await execa('tar', ['-cf', partial, '-C', folder, 'manifest.json', ...files, 'layer.tar']);
    await rename(partial, supportArchive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return supportArchive;
}
