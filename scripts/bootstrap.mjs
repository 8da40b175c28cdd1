// Runs before every entry point, under whatever Node the machine has: installs the npm packages when they are missing
// or older than the lockfile, then, with --system, the Debian packages that are missing. So a fresh clone needs one
// command. Plain JavaScript, since the machine's own Node may be too old to run TypeScript.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const lockfile = `${root}package-lock.json`;

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  return status === 0;
}

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lockfile).mtimeMs) {
  console.error('Installing npm packages (10 to 30 s) …');
  if (!run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])) {
    console.error('npm ci failed: see its message above; the npm registry must be reachable.');
    process.exit(1);
  }
}

if (process.argv.includes('--system')) {
  if (!run(`${root}node_modules/.bin/node`, ['scripts/doctor.ts', '--install', '--quiet'])) process.exit(1);
}
