// Kubernetes' own programs, built from the Go module proxy and cached outside the checkout.
//
// There is no release download here: everything comes as Go source by package name, so the only needs are Go and the module
// proxy. k8s.io/kubernetes names its staging modules by relative `replace` lines that hold only inside its own repository;
// the workspace written here maps each of them to the published module of the same release (v1.37.2 → v0.37.2).
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exists } from './files.ts';
import { go } from './go.ts';

export const kubernetesVersion = '1.37.2';
const helmVersion = '3.22.0';

interface Recipe {
  /** Go package; helm is a module of its own and is built by `go install`. */
  readonly package: string;
  readonly command: 'build' | 'test' | 'install';
  readonly static?: boolean;
  /** Seconds on two idle cores with nothing cached but what stands before it in this table. */
  readonly coldSeconds: number;
}

/** In the order in which they are best built: what the operator's tests need comes first. */
const recipes = {
  etcd: { package: './etcd', command: 'build', coldSeconds: 60 },
  'kube-apiserver': { package: 'k8s.io/kubernetes/cmd/kube-apiserver', command: 'build', coldSeconds: 390 },
  kubectl: { package: 'k8s.io/kubernetes/cmd/kubectl', command: 'build', static: true, coldSeconds: 60 },
  'kube-controller-manager': {
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    command: 'build',
    coldSeconds: 60,
  },
  'kube-scheduler': { package: 'k8s.io/kubernetes/cmd/kube-scheduler', command: 'build', coldSeconds: 30 },
  'kube-proxy': { package: 'k8s.io/kubernetes/cmd/kube-proxy', command: 'build', coldSeconds: 20 },
  kubelet: { package: 'k8s.io/kubernetes/cmd/kubelet', command: 'build', coldSeconds: 80 },
  agnhost: { package: 'k8s.io/kubernetes/test/images/agnhost', command: 'build', static: true, coldSeconds: 40 },
  helm: { package: `helm.sh/helm/v3/cmd/helm@v${helmVersion}`, command: 'install', static: true, coldSeconds: 160 },
  'e2e.test': { package: 'k8s.io/kubernetes/test/e2e', command: 'test', coldSeconds: 300 },
} as const satisfies Record<string, Recipe>;

export type BinaryName = keyof typeof recipes;
export const allBinaries = Object.keys(recipes) as BinaryName[]; // Object.keys forgets the literal types.

/** World-readable, outside every checkout. */
export const cacheFolder = process.getuid?.() === 0 ? '/var/cache/caracal' : join(homedir(), '.cache', 'caracal');
const binaryFolder = join(cacheFolder, `kubernetes-${kubernetesVersion}`);

/** The path of a program that {@link ensureBinaries} has built. */
export function binaryPath(name: BinaryName): string {
  return join(binaryFolder, name === 'helm' ? `helm-${helmVersion}` : name);
}

/**
 * Builds those of the named programs that the cache lacks, one after another, and says on `log` what it does and how long it takes.
 * Safe beside another build: the two take turns, program by program.
 * @throws when Go is missing or too old, or a build fails (with the compiler's output)
 */
export async function ensureBinaries(
  names: readonly BinaryName[],
  log: (line: string) => void = (line) => console.error(line),
): Promise<Record<BinaryName, string>> {
  await mkdir(binaryFolder, { recursive: true, mode: 0o755 });
  const wanted = allBinaries.filter((name) => names.includes(name));
  const missing = await filterMissing(wanted);
  if (missing.length > 0) {
    const minutes = Math.ceil(missing.reduce((sum, name) => sum + recipes[name].coldSeconds, 0) / 60);
    log(`Building ${missing.join(', ')} from source into ${binaryFolder}: up to ${minutes} min on two cores, once.`);
    for (const name of missing) await buildOne(name, log);
  }
  return Object.fromEntries(allBinaries.map((name) => [name, binaryPath(name)])) as Record<BinaryName, string>; // The keys are all names.
}

async function buildOne(name: BinaryName, log: (line: string) => void): Promise<void> {
  const release = await takeTurn(name, log);
  try {
    if ((await filterMissing([name])).length === 0) return;
    const recipe: Recipe = recipes[name];
    const started = Date.now();
    const seconds = () => Math.round((Date.now() - started) / 1000);
    const reminder = setInterval(() => log(`  ${name}: still building after ${seconds()} s …`), 30_000);
    try {
      await compile(recipe, binaryPath(name));
    } finally {
      clearInterval(reminder);
    }
    log(`  ${name}: built in ${seconds()} s`);
  } finally {
    release();
  }
}

async function compile(recipe: Recipe, target: string): Promise<void> {
  // Built beside, then renamed: whoever looks in between sees a whole program or none.
  const partial = `${target}.partial`;
  const cgo: Record<string, string> = recipe.static ? { CGO_ENABLED: '0' } : {};
  const flags = ['-trimpath', '-ldflags', versionFlags()];
  if (recipe.command === 'install') {
    const folder = `${target}.gobin`;
    await go(['install', '-trimpath', '-ldflags', '-s -w', recipe.package], { GOBIN: folder, GOFLAGS: '', ...cgo });
    const [program] = await readdir(folder);
    await rename(join(folder, program), partial);
    await rm(folder, { recursive: true });
  } else {
    const cwd = await goWorkspace();
    const verb = recipe.command === 'test' ? ['test', '-c'] : ['build'];
    await go([...verb, ...flags, '-o', partial, recipe.package], cgo, cwd);
  }
  await chmod(partial, 0o755);
  await rename(partial, target);
}

/** The versions that the programs report, set as Kubernetes' own build sets them. */
function versionFlags(): string {
  const [major, minor] = kubernetesVersion.split('.');
  const settings = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((name) => [
    `-X ${name}.gitVersion=v${kubernetesVersion}`,
    `-X ${name}.gitMajor=${major}`,
    `-X ${name}.gitMinor=${minor}`,
  ]);
  return ['-s -w', ...settings].join(' ');
}

/** The module from whose requirements the programs are built; made once, as resolving them takes a minute. */
async function goWorkspace(): Promise<string> {
  const folder = join(binaryFolder, 'src');
  if (await exists(join(folder, 'go.sum'))) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(partial, 'etcd'), { recursive: true });

  const version = `v${kubernetesVersion}`;
  const download = await go(['mod', 'download', '-json', `k8s.io/kubernetes@${version}`], {}, partial);
  const { Dir: source }: { Dir: string } = JSON.parse(download);
  const upstream = await readFile(join(source, 'go.mod'), 'utf8');
  const staging = [...upstream.matchAll(/^\s*(\S+) => \.\/staging\/\S+$/gm)].map(([, name]) => name);
  const replacements = staging.map((name) => `\t${name} => ${name} v0.${kubernetesVersion.slice(2)}\n`).join('');
  const goLine = /^go (\S+)$/m.exec(upstream)?.[0] ?? 'go 1.26.0';
  await writeFile(
    join(partial, 'go.mod'),
    `module caracal-cluster\n\n${goLine}\n\nrequire k8s.io/kubernetes ${version}\n\nreplace (\n${replacements})\n`,
  );
  const packages = Object.values<Recipe>(recipes).map((recipe) => recipe.package);
  const imports = [...packages.filter((name) => name.startsWith('k8s.io/')), 'go.etcd.io/etcd/server/v3/etcdmain'];
  await writeFile(
    join(partial, 'tools.go'),
    `//go:build tools\n\npackage tools\n\nimport (\n${imports.map((name) => `\t_ "${name}"\n`).join('')})\n`,
  );
  await writeFile(
    join(partial, 'etcd', 'main.go'),
    'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n',
  );
  // -e: some test-only requirements of dependencies don't resolve, and nothing here needs them.
  await go(['mod', 'tidy', '-e'], {}, partial);
  await rename(partial, folder);
  return folder;
}

async function filterMissing(names: readonly BinaryName[]): Promise<BinaryName[]> {
  const present = await Promise.all(names.map((name) => exists(binaryPath(name))));
  return names.filter((_, index) => !present[index]);
}

/** One build at a time on this machine: an abstract unix socket is the lock, which the kernel releases with its holder. */
async function takeTurn(name: string, log: (line: string) => void): Promise<() => void> {
  for (let attempt = 0; ; attempt++) {
    const server = createServer((socket) => socket.destroy());
    const taken = await new Promise<boolean>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
      );
      server.listen('\0caracal-cluster-build', () => resolve(true));
    });
    if (taken) return () => server.close();
    if (attempt % 60 === 0) log(`  ${name}: waiting for another build on this machine`);
    await sleep(500);
  }
}

if (import.meta.main) {
  const unknown = process.argv.slice(2).filter((name) => !(name in recipes));
  if (unknown.length > 0) {
    console.error(`${unknown.join(', ')}: not among ${allBinaries.join(', ')}`);
    process.exitCode = 2;
  } else {
    const names = allBinaries.filter((name) => process.argv.length === 2 || process.argv.includes(name));
    await ensureBinaries(names);
    for (const name of names) console.log(binaryPath(name));
  }
}
