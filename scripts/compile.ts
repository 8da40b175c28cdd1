/**
 * `node scripts/compile.ts OUT`: the apps as JavaScript, for the image. Running the sources as they are costs 17 MB a process for
 * type stripping, and Node.js refuses to strip below node_modules.
 *
 * OUT gets the folders as they lie here, every package.json pointing at JavaScript, what is read at run time (SQL), and
 * a link in node_modules for each workspace; the npm packages that it needs are put beside by `npm ci --omit=dev`.
 */
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execaSync } from 'execa';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'dist'));

const project = join(root, 'tsconfig.compile.json');
execaSync('tsc', ['--project', project, '--outDir', out, '--rootDir', root], { stdio: 'inherit', preferLocal: true });

for (const file of globSync('{libs/*,apps/*,operator}/package.json', { cwd: root })) {
  const text = readFileSync(join(root, file), 'utf8');
  const { name }: { name: string } = JSON.parse(text);
  mkdirSync(join(out, dirname(file)), { recursive: true });
  writeFileSync(join(out, file), text.replaceAll(/(\.\/[^"]*)\.ts"/g, '$1.js"'));
  const link = join(out, 'node_modules', name);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { recursive: true, force: true });
  symlinkSync(relative(dirname(link), join(out, dirname(file))), link);
}
for (const file of globSync('{libs,apps}/**/*.sql', { cwd: root, exclude: (name) => name === 'node_modules' })) {
  cpSync(join(root, file), join(out, file));
}
