// npm run soak -- cni [--containers 40] [--only REGEXP]: SIGKILL of the executable, the agent and its wiring worker at every named step of
// ADD and DEL, of many containers at once, while what policy forbids is tried without end. Prints what was wrong, and fails for it.
import { parseArgs } from 'node:util';
import { prepareChaos } from '../support/cni-chaos/chaos.ts';
import { allFaults } from '../support/cni-chaos/faults.ts';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { containers: { type: 'string', default: '40' }, only: { type: 'string', default: '' } },
  });
  const containers = Number(values.containers);
  const only = new RegExp(values.only);
  const faults = allFaults().filter((fault) => only.test(JSON.stringify(fault)));
  const chaos = await prepareChaos(containers);
  const wrong: string[] = [];
  try {
    for (const [i, fault] of faults.entries()) {
      console.error(`${i + 1} of ${faults.length}: ${JSON.stringify(fault)}`);
      for (const what of await chaos.round(fault)) {
        wrong.push(what);
        console.log(`${JSON.stringify(fault)}: ${what}`);
      }
    }
  } finally {
    for (const what of await chaos.end()) {
      wrong.push(what);
      console.log(what);
    }
  }
  console.log(`${faults.length} faults among ${containers} containers at once: ${wrong.length} failures`);
  if (wrong.length > 0) process.exitCode = 1;
}
