// Fails when gen/ is not what `buf generate` makes of proto/ today.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const folder = import.meta.dirname;
const fresh = mkdtempSync(join(tmpdir(), 'caracal-protocol-'));
try {
  // npm's folder of executables, where protoc-gen-es is too: it stands beside the packages.
  const bin = join(
    dirname(dirname(dirname(createRequire(import.meta.url).resolve('@bufbuild/buf/package.json')))),
    '.bin',
  );
  const { status, error, stderr } = spawnSync(join(bin, 'buf'), ['generate', '--output', fresh], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
  });
  if (status !== 0) throw new Error(`buf generate failed: ${error?.message ?? stderr}`);
  const stale = differences(join(folder, 'gen'), join(fresh, 'gen'));
  if (stale.length > 0) {
    console.error(`libs/protocol/gen is stale (${stale.join(', ')}): run \`npx buf generate\` in libs/protocol`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true });
}

function differences(checkedIn: string, generated: string): string[] {
  const files = (path: string) =>
    readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const read = (path: string) =>
    new Map(
      files(path).map((f) => [
        join(f.parentPath, f.name).slice(path.length + 1),
        readFileSync(join(f.parentPath, f.name), 'utf8'),
      ]),
    );
  const [a, b] = [read(checkedIn), read(generated)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
}
