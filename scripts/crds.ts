/** Writes the CustomResourceDefinitions of the schemas to crds/, a file each; with `--check` only says which are stale. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { customResourceDefinitions } from '@caracal/api/crd';
import { stringify } from 'yaml';

const folder = fileURLToPath(new URL('../crds', import.meta.url));
const files = new Map(
  customResourceDefinitions().map((definition) => {
    // The generator gives every definition a name.
    const { name } = definition.metadata as { name: string };
    const text = stringify(definition, { lineWidth: 120, aliasDuplicateObjects: false });
    return [`${name.split('.')[0]}.yaml`, `# Generated from libs/api by \`npm run generate\`.\n${text}`];
  }),
);

const present = existsSync(folder) ? readdirSync(folder) : [];
const extra = present.filter((name) => !files.has(name));
if (process.argv.includes('--check')) {
  const stale = [...files].filter(
    ([name, text]) => !present.includes(name) || readFileSync(join(folder, name), 'utf8') !== text,
  );
  const names = [...stale.map(([name]) => name), ...extra];
  if (names.length > 0) {
    console.error(`crds/ is stale (${names.join(', ')}): run \`npm run generate\``);
    process.exitCode = 1;
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of extra) rmSync(join(folder, name));
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
}
