/** Holds every import of the sources against scripts/layers.ts: direction of dependencies, purity, file endings. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layers, pure, pureModules } from './layers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isTest = (file: string) => file.endsWith('.test.ts') || file.includes('/testing/');

/** The workspace that a file lies in: `libs/net`, `operator`. */
function workspaceOf(file: string): string {
  const [first, second] = file.split('/');
  return first === 'operator' ? first : `${first}/${second}`;
}

/** Workspace folder of each package name. */
const folders = new Map<string, string>();
for (const file of globSync('{{libs,apps}/*,operator}/package.json', { cwd: root })) {
  folders.set(JSON.parse(readFileSync(join(root, file), 'utf8')).name, dirname(file));
}

const problems: string[] = [];
for (const file of globSync('{libs,apps,operator}/**/*.ts', {
  cwd: root,
  exclude: (name) => name === 'node_modules',
})) {
  if (isTest(file) || file.includes('/gen/')) continue;
  const home = workspaceOf(file);
  const allowed = layers[home];
  if (!allowed) {
    problems.push(`${home} is not in scripts/layers.ts: add the workspaces that it may import`);
    continue;
  }
  const source = readFileSync(join(root, file), 'utf8');
  for (const [, specifier] of source.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'/gm)) {
    const target = specifier.startsWith('.')
      ? workspaceOf(relative(root, join(root, dirname(file), specifier)))
      : folders.get(specifier);
    if (target && target !== home && !allowed.includes(target)) {
      problems.push(`${file}: ${home} may not import ${target} (allowed: ${allowed.join(', ') || 'none'})`);
    }
    if (target && target !== home && specifier.startsWith('.')) {
      problems.push(`${file}: import ${target} by its package name, not by ${specifier}`);
    }
    if (pure.includes(home) && specifier.startsWith('node:') && !pureModules.includes(specifier)) {
      problems.push(`${file}: ${home} is pure and may not import ${specifier}`);
    }
  }
}

for (const problem of problems) console.error(`✗ ${problem}`);
if (problems.length > 0) process.exitCode = 1;
