import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** What a file that was set aside ends with: runtimes read what ends in .conf, .conflist and .json. */
const asideSuffix = '.before-caracal';
const configurationName = /\.(conf|conflist|json)$/;

/** A network configuration that a runtime would use in place of ours. */
export interface ForeignConfiguration {
  readonly file: string;
  /** The types of its plugins; none when it cannot be read. */
  readonly types: readonly string[];
  readonly isCalico: boolean;
}

/**
 * The configurations of others that come before `own` by name: a runtime uses the first. Calico's counts wherever it stands: two networks
 * must not both serve pods.
 */
export function findForeign(folder: string, own = '10-caracal.conflist'): ForeignConfiguration[] {
  return list(folder)
    .filter((file) => configurationName.test(file) && file !== own)
    .map((file) => {
      const types = typesOf(join(folder, file));
      return { file, types, isCalico: types.includes('calico') };
    })
    .filter(({ file, types, isCalico }) => !types.includes('caracal') && (isCalico || file < own));
}

/** The first configuration that names our plugin, which somebody may have called as they like; undefined when there is none. */
export function findOwn(folder: string): string | undefined {
  return list(folder).find((file) => configurationName.test(file) && typesOf(join(folder, file)).includes('caracal'));
}

/** Sets configurations aside, under a name that no runtime reads; `putBack` undoes it. */
export function setAside(folder: string, found: readonly ForeignConfiguration[]): void {
  for (const { file } of found) renameSync(join(folder, file), join(folder, file + asideSuffix));
}

/** Gives back what was set aside, unless somebody has written a file of that name since. Answers with the names. */
export function putBack(folder: string): string[] {
  const present = list(folder);
  const files = present.filter((file) => file.endsWith(asideSuffix)).map((file) => file.slice(0, -asideSuffix.length));
  const free = files.filter((file) => !present.includes(file));
  for (const file of free) renameSync(join(folder, file + asideSuffix), join(folder, file));
  return free;
}

function typesOf(path: string): string[] {
  try {
    const document = JSON.parse(readFileSync(path, 'utf8')) as { type?: unknown; plugins?: unknown } | null; // of anybody
    const plugins = Array.isArray(document?.plugins) ? document.plugins : [document];
    return plugins.map((plugin: { type?: unknown } | null) => plugin?.type).filter((type) => typeof type === 'string');
  } catch {
    return [];
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
