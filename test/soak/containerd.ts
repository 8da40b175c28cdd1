// npm run soak -- containerd [--sandboxes 50] [--rounds 5]: pods by way of containerd, which is killed between and in the middle.
import { parseArgs } from 'node:util';
import { sandboxesStandAndGo } from '../support/cri/scenario.ts';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { sandboxes: { type: 'string', default: '50' }, rounds: { type: 'string', default: '5' } },
  });
  let failures = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    const wrong = await sandboxesStandAndGo(Number(values.sandboxes), (line) => console.error(line));
    failures += wrong.length;
    for (const what of wrong) console.log(what);
  }
  console.log(`${values.rounds} rounds of ${values.sandboxes} sandboxes: ${failures} failures`);
  if (failures > 0) process.exitCode = 1;
}
