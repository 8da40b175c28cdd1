/**
 * `npm run doctor`: names each missing binary, module and capability, and the line that installs it.
 * `--install` installs the missing Debian packages first; `--quiet` prints only what is missing; `--cluster` looks for what the cluster tests need too.
 */
import { accessSync, chmodSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execaSync } from 'execa';
import { requirements as basicRequirements, clusterRequirements, type Requirement } from './requirements.ts';

const install = process.argv.includes('--install');
const quiet = process.argv.includes('--quiet');
const requirements = process.argv.includes('--cluster')
  ? [...basicRequirements, ...clusterRequirements]
  : basicRequirements;
/** Where Debian keeps programs for root; a user's PATH may lack the sbin folders. */
const searchPath = `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);

function isPresent({ file }: Requirement): boolean {
  if (file.startsWith('/')) return existsSync(file);
  return searchPath.some((folder) => {
    try {
      accessSync(join(folder, file), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function missing(): Requirement[] {
  return requirements.filter((requirement) => !isPresent(requirement));
}

/**
 * Installs Debian packages. Routing daemons and the like start a service when they are installed; this machine's
 * own network must not change, so services are kept from starting while the packages are set up (policy-rc.d).
 */
function installPackages(packages: readonly string[]): void {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n');
    chmodSync(policy, 0o755);
  }
  console.error(`Installing Debian packages: ${packages.join(' ')} (their services are not started) …`);
  const options = { stdio: ['ignore', 'ignore', 'inherit'], env: { DEBIAN_FRONTEND: 'noninteractive' } } as const;
  try {
    execaSync('apt-get', ['update', '-qq'], options);
    execaSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

function hasCapability(bit: number): boolean {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return line !== null && ((BigInt(`0x${line[1]}`) >> BigInt(bit)) & 1n) === 1n;
}

const problems: string[] = [];
// Bits of include/uapi/linux/capability.h.
for (const [bit, name] of [
  [12, 'CAP_NET_ADMIN'],
  [13, 'CAP_NET_RAW'],
  [21, 'CAP_SYS_ADMIN'],
] as const) {
  if (!hasCapability(bit)) problems.push(`${name} is missing: run as root (in a container: privileged).`);
}

if (install && problems.length === 0) {
  const packages = [...new Set(missing().map((requirement) => requirement.debianPackage))];
  if (packages.length > 0 && existsSync('/usr/bin/apt-get')) installPackages(packages);
}

const absent = missing();
for (const { file, debianPackage, reason } of absent) {
  problems.push(`${file} is missing (${reason}): apt-get install ${debianPackage}`);
}

if (problems.length > 0) {
  for (const problem of problems) console.error(`✗ ${problem}`);
  if (absent.length > 0) {
    const packages = [...new Set(absent.map((requirement) => requirement.debianPackage))];
    console.error(`\nAll of them: apt-get install --no-install-recommends ${packages.join(' ')}`);
  }
  process.exitCode = 1;
} else if (!quiet) {
  for (const { file, reason } of requirements) console.log(`✓ ${file} (${reason})`);
}
