// The Go command, which builds Kubernetes' own programs.
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** Minor version of Go 1 that Kubernetes' sources ask for. */
const neededMinor = 26;
/** Since this one Go fetches a newer Go by itself, through the module proxy. */
const selfUpgradingMinor = 21;

let found: Promise<{ command: string; env: Record<string, string> }> | undefined;

/**
 * Runs Go and answers with its standard output.
 * @throws in one sentence what is missing; with Go's own words when a build fails
 */
export async function go(args: readonly string[], env: Record<string, string>, cwd?: string): Promise<string> {
  found ??= findGo();
  const { command, env: ofGo } = await found;
  const settings = { GOFLAGS: '-mod=mod -buildvcs=false', ...ofGo, ...env };
  const { failed, stdout, stderr } = await execa(command, args, { cwd, env: settings, reject: false });
  if (!failed) return stdout;
  // `mod download -json` tells its errors on standard output.
  const said = (stderr || stdout).trim();
  const unreachable = /dial tcp|lookup \S+|connection refused|i\/o timeout|TLS handshake|proxyconnect/.exec(said);
  if (!unreachable) throw new Error(`go ${args.join(' ')} failed:\n${said}`);
  const line = said.split('\n').find((each) => each.includes(unreachable[0])) ?? said;
  throw new Error(
    `The Go module proxy cannot be reached, from which the cluster tests build Kubernetes: ${line.trim()}`,
  );
}

/** On the PATH, or where Go's installer, Debian and `golang.org/dl` put it: the newest. */
async function findGo(): Promise<{ command: string; env: Record<string, string> }> {
  const folders = ['/usr/local/go/bin', '/usr/lib/go/bin', '/snap/bin', join(homedir(), 'go/bin')];
  for (const parent of ['/usr/lib', join(homedir(), 'sdk')]) {
    const names = await readdir(parent).catch(() => []);
    for (const name of names) if (/^go-?1\./.test(name)) folders.push(join(parent, name, 'bin'));
  }
  const commands = ['go', ...folders.map((folder) => join(folder, 'go'))];
  const versions = await Promise.all(commands.map(minorVersion));
  const newest = Math.max(...versions);
  const command = commands[versions.indexOf(newest)]!;
  if (newest >= neededMinor) return { command, env: {} };
  if (newest >= selfUpgradingMinor) return { command, env: { GOTOOLCHAIN: 'auto' } };
  const instead = newest < 0 ? 'there is none' : `the one here is 1.${newest}`;
  throw new Error(
    `Go 1.${neededMinor} is missing, which builds Kubernetes' API server for the cluster tests (${instead}; 1.${selfUpgradingMinor} or newer fetches what it lacks): install it from https://go.dev/dl to /usr/local/go or onto the PATH`,
  );
}

/** -1 when there is no such program. */
async function minorVersion(command: string): Promise<number> {
  const { stdout } = await execa(command, ['env', 'GOVERSION'], { env: { GOTOOLCHAIN: 'local' }, reject: false });
  return Number(/^go1\.(\d+)/.exec(stdout ?? '')?.[1] ?? -1);
}
