// Runs before every entry point, under whatever Node the machine has: installs the npm packages when they are missing
// or older than the lockfile, then, with --system, the Debian packages that are missing. So a fresh clone needs one
// command. Plain JavaScript, since the machine's own Node may be too old to run TypeScript.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const lockfile = `${root}package-lock.json`;

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  return status === 0;
}

/**
 * The Node.js that npm brings is linked against libatomic, which a bare Debian lacks; npm's own install scripts run on
 * that Node.js, so the library comes first.
 */
function ensureLibatomic() {
  const folders = ['/lib', '/usr/lib', '/lib64', '/usr/lib64'].filter((folder) => existsSync(folder));
  const candidates = folders.flatMap((folder) => [
    `${folder}/libatomic.so.1`,
    ...readdirSync(folder)
      .filter((name) => name.endsWith('-linux-gnu'))
      .map((name) => `${folder}/${name}/libatomic.so.1`),
  ]);
  if (candidates.some((path) => existsSync(path))) return;
  console.error('Installing the Debian package libatomic1, which Node.js needs …');
  const done =
    run('apt-get', ['update', '-qq']) &&
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'libatomic1']);
  if (!done) {
    console.error('libatomic.so.1 is missing, which the Node.js of npm needs: apt-get install libatomic1');
    process.exit(1);
  }
}

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lockfile).mtimeMs) {
  ensureLibatomic();
  console.error('Installing npm packages (10 to 30 s) …');
  if (!run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])) {
    console.error('npm ci failed: see its message above; the npm registry must be reachable.');
    process.exit(1);
  }
}

if (process.argv.includes('--system')) {
  const cluster = process.argv.includes('--cluster') ? ['--cluster'] : [];
  if (!run(`${root}node_modules/.bin/node`, ['scripts/doctor.ts', '--install', '--quiet', ...cluster])) process.exit(1);
}
