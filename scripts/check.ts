/** `npm run check`: format and lint, types, direction of dependencies, unused code, generated files fresh. */
import { execa } from 'execa';

const checks: ReadonlyArray<readonly [name: string, command: string, ...args: string[]]> = [
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['types', 'tsc', '--noEmit'],
  ['imports', 'node', 'scripts/check-imports.ts'],
  ['unused code', 'knip', '--no-progress'],
  ['generated code', 'node', 'libs/protocol/check-generated.ts'],
  ['generated CRDs', 'node', 'scripts/crds.ts', '--check'],
  ['pages of kinds', 'node', 'scripts/kind-pages.ts', '--check'],
];

const results = await Promise.all(
  checks.map(async ([name, command, ...args]) => {
    const result = await execa(command, args, { preferLocal: true, all: true, reject: false });
    return { name, ok: result.exitCode === 0, output: result.all };
  }),
);

for (const { name, ok, output } of results) {
  console.log(`${ok ? '✓' : '✗'} ${name}`);
  if (!ok) console.log(output);
}
if (results.some((result) => !result.ok)) process.exitCode = 1;
