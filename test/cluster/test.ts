// `npm run test:cluster`: the operator's part alone with `-- operator`, everything that needs a cluster without.
import { execa } from 'execa';

const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
// What stands on the API server alone is quick; it runs for `operator` too.
const files = filters.includes('operator')
  ? ['operator', 'control-plane', 'chart'].map((name) => `test/cluster/${name}`)
  : filters;
const result = await execa('vitest', ['run', '--config', 'test/cluster/vitest.config.ts', '--root', '.', ...files], {
  stdio: 'inherit',
  preferLocal: true,
  reject: false,
});
process.exitCode = result.exitCode ?? 1;
