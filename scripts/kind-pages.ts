/**
 * Fills the part of each page in docs/kinds that is made from the kind's schema; with `--check` only says which pages are stale or missing.
 * What stands outside of that part is written by hand.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { customResourceDefinitions } from '@caracal/api/crd';
import { type Definition, kindTables } from './kind-tables.ts';

const begin = '<!-- Made from the schema by `npm run generate`. -->';
const end = '<!-- Up to here. -->';
// Their shape is that of the generator.
const definitions = customResourceDefinitions() as unknown as Definition[];
const check = process.argv.includes('--check');
const stale: string[] = [];

for (const definition of definitions) {
  const name = `${definition.spec.names.kind.toLowerCase()}.md`;
  const path = fileURLToPath(new URL(`../docs/kinds/${name}`, import.meta.url));
  const text = existsSync(path) ? readFileSync(path, 'utf8') : `# ${definition.spec.names.kind}\n\n${begin}\n${end}\n`;
  const [before, rest = ''] = text.split(begin);
  const after = rest.split(end)[1] ?? '\n';
  const wanted = `${before}${begin}\n\n${kindTables(definition)}\n\n${end}${after}`;
  if (wanted === text) continue;
  stale.push(name);
  if (!check) writeFileSync(path, wanted);
}
if (check && stale.length > 0) {
  console.error(`docs/kinds is stale (${stale.join(', ')}): run \`npm run generate\``);
  process.exitCode = 1;
}
