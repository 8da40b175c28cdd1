// The container image, built from the Dockerfile as a user would build it, and packed as an archive for containerd.
//
// No image registry is needed: the base image that the Dockerfile names is made by debootstrap from Debian's packages, once.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { cacheFolder } from './build.ts';
import { exists } from './files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const baseName = 'docker.io/library/debian:bookworm-slim';
const storage = [
  '--storage-driver',
  'overlay',
  '--root',
  join(cacheFolder, 'buildah-overlay'),
  '--runroot',
  '/run/caracal-buildah',
];

export interface Image {
  /** Such as `localhost/caracal:0.1.0`. */
  readonly name: string;
  /** A docker-archive, as `ctr images import` takes it. */
  readonly archive: string;
}

/** Builds the image of this checkout, or finds that of the same sources in the cache. */
export async function ensureImage(log: (line: string) => void = (line) => console.error(line)): Promise<Image> {
  const { version }: { version: string } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const name = `localhost/caracal:${version}`;
  await mkdir(join(cacheFolder, 'images'), { recursive: true, mode: 0o755 });
  const archive = join(cacheFolder, 'images', `caracal-${await sourceDigest()}.tar`);
  if (await exists(archive)) return { name, archive };

  await ensureBase(log);
  log('Building the image from the Dockerfile: 1 to 3 min, again when sources change …');
  const started = Date.now();
  // A machine behind a proxy with an authority of its own lends the build its bundle; the image does not keep it.
  const bundle = process.env.NODE_EXTRA_CA_CERTS;
  const inside = '/run/build-ca.crt';
  const authority = bundle
    ? ['NPM_CONFIG_CAFILE', 'NODE_EXTRA_CA_CERTS'].flatMap((variable) => ['--build-arg', `${variable}=${inside}`])
    : [];
  const volume = bundle ? ['--volume', `${bundle}:${inside}:ro`] : [];
  const build = ['build', '--pull=never', '--layers', '--format', 'docker', ...authority, ...volume];
  // Debian's packages under names of their own, so that they outlive the layers that belong to sources of before.
  for (const stage of ['tools', 'runtime'])
    await buildah([...build, '--target', stage, '--tag', `localhost/caracal-${stage}`, root]);
  await buildah([...build, '--tag', name, root]);
  await buildah(['rmi', '--prune', '--force']);
  const partial = `${archive}.partial`;
  await rm(partial, { force: true });
  await buildah(['push', name, `docker-archive:${partial}:${name}`]);
  await rename(partial, archive);
  await forgetOldArchives();
  log(`  image: built in ${Math.round((Date.now() - started) / 1000)} s`);
  return { name, archive };
}

/** All but the two newest, half a gigabyte each. */
async function forgetOldArchives(): Promise<void> {
  const folder = join(cacheFolder, 'images');
  const names = (await readdir(folder)).filter((name) => /^caracal-.*\.tar$/.test(name));
  const dated = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })));
  for (const { name } of dated.sort((a, b) => b.at - a.at).slice(2)) await rm(join(folder, name), { force: true });
}

async function ensureBase(log: (line: string) => void): Promise<void> {
  const known = await execa('buildah', [...storage, 'images', '--quiet', baseName], { reject: false });
  if (known.exitCode === 0 && known.stdout) return;
  const folder = join(cacheFolder, 'base-bookworm');
  if (!(await exists(folder))) {
    log('Making the base image by debootstrap: about 1 min, once …');
    const partial = `${folder}.partial`;
    await rm(partial, { recursive: true, force: true });
    await execa('debootstrap', ['--variant=minbase', 'bookworm', partial, 'http://deb.debian.org/debian']);
    // As the slim image has it: no documentation, no message catalogues, no package lists.
    for (const part of ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'var/lib/apt/lists', 'var/cache/apt']) {
      await rm(join(partial, part), { recursive: true, force: true });
    }
    await rename(partial, folder);
  }
  const container = await buildah(['from', 'scratch']);
  await buildah(['copy', '--quiet', container, folder, '/']);
  await buildah([
    'config',
    '--cmd',
    '/bin/bash',
    '--env',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    container,
  ]);
  await buildah(['commit', '--quiet', '--rm', container, baseName]);
}

async function buildah(args: readonly string[]): Promise<string> {
  const env = { BUILDAH_ISOLATION: 'chroot' };
  return (await execa('buildah', [...storage, ...args], { env, maxBuffer: 64 << 20 })).stdout.trim();
}

/** Of every file that git knows or would know: what the build can read. */
async function sourceDigest(): Promise<string> {
  const list = await execa(
    'git',
    ['ls-files', '-z', '-co', '--exclude-standard', ':!test', ':!docs', ':!helm', ':!crds', ':!*.md', ':!knip.json'],
    {
      cwd: root,
    },
  );
  const hash = createHash('sha256');
  for (const file of list.stdout.split('\0').sort()) {
    const content = file && (await readFile(join(root, file)).catch(() => undefined));
    if (content) hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

if (import.meta.main) {
  const image = await ensureImage();
  console.log(`${image.name} ${image.archive}`);
}
