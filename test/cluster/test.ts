// `npm run test:cluster`: everything on a cluster of two nodes; `-- operator` what stands on the API server alone; `-- NAME …` files by name.
//
//   --all    every one of upstream's NetworkPolicy specs, and docs/conformance.md written from them; otherwise ten
//   --keep   leave the cluster that the tests started
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { ensureBinaries } from './build.ts';
import { down, isUp } from './cluster.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } },
});
// What stands on the API server alone is quick, and needs neither containerd nor buildah.
const withoutNodes = positionals.includes('operator');
const files = withoutNodes ? ['operator', 'control-plane', 'chart'] : positionals;

/** The exit code. */
async function run(command: string, args: readonly string[]): Promise<number> {
  const env = values.all ? { CARACAL_NETPOL: 'all' } : {};
  return (await execa(command, args, { stdio: 'inherit', preferLocal: true, reject: false, env })).exitCode ?? 1;
}

async function main(): Promise<number> {
  if (withoutNodes) await ensureBinaries(['etcd', 'kube-apiserver', 'kubectl', 'helm']);
  else if ((await run('node', ['scripts/doctor.ts', '--install', '--quiet', '--cluster'])) !== 0) return 1;
  const ends = !withoutNodes && !values.keep && !(await isUp());
  const paths = files.map((name) => `test/cluster/${name}`);
  const code = await run('vitest', ['run', '--config', 'test/cluster/vitest.config.ts', '--root', '.', ...paths]);
  if (ends && (await isUp())) await down();
  return code;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`✗ ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
