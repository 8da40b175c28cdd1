// agnhost, built from Kubernetes' own source, and the pause image, a program of a few lines, as one archive.
import { copyFile } from 'node:fs/promises';
import { pauseImage as pause, writeImageArchive } from '../support/image-archive.ts';
import { binaryPath } from './build.ts';
import { exists } from './files.ts';
import { pauseImage, supportArchive } from './topology.ts';

/** The name under which upstream's tests ask for agnhost. */
export const agnhostImage = 'registry.k8s.io/e2e-test-images/agnhost:2.66.1';

/** Packs the archive unless it is there. */
export async function ensureSupportImages(): Promise<string> {
  if (await exists(supportArchive)) return supportArchive;
  const agnhost = {
    tag: agnhostImage,
    program: 'agnhost',
    write: (path: string) => copyFile(binaryPath('agnhost'), path),
    config: { Entrypoint: ['/agnhost'], Cmd: ['pause'] },
  };
  await writeImageArchive(supportArchive, [pause(pauseImage), agnhost]);
  return supportArchive;
}
