// `npm run test:cluster`: everything on a cluster of two nodes; `-- operator` what stands on the API server alone; `-- NAME …` files by name.
//
//   --all    every one of upstream's NetworkPolicy specs, and docs/conformance.md written from them; otherwise ten
//   --keep   leave the cluster that the tests started
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { down, isUp } from './cluster.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } },
});
// What stands on the API server alone is quick; it runs for `operator` too.
const files = positionals.includes('operator')
  ? ['operator', 'control-plane', 'chart'].map((name) => `test/cluster/${name}`)
  : positionals.map((name) => `test/cluster/${name}`);
const wasUp = await isUp();
const result = await execa('vitest', ['run', '--config', 'test/cluster/vitest.config.ts', '--root', '.', ...files], {
  stdio: 'inherit',
  preferLocal: true,
  reject: false,
  env: values.all ? { CARACAL_NETPOL: 'all' } : {},
});
if (!wasUp && !values.keep && (await isUp())) await down();
process.exitCode = result.exitCode ?? 1;
