// npm run soak -- cni [--containers 40] [--rounds 25]: SIGKILL of executable and agent at every half millisecond of ADD and DEL, of
// many containers at once; rounds × 2 victims × 2 operations × containers. Prints what was wrong, and fails for it.
import { parseArgs } from 'node:util';
import { prepareChaos } from '../support/cni-chaos.ts';
import { prepareLoneAgent } from '../support/lone-agent.ts';

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { containers: { type: 'string', default: '40' }, rounds: { type: 'string', default: '25' } },
  });
  const containers = Number(values.containers);
  const agent = await prepareLoneAgent({ config: { ipam: { restSeconds: 0 } } });
  let operations = 0;
  let failures = 0;
  try {
    await agent.start();
    const chaos = await prepareChaos(agent, containers);
    try {
      for (let step = 0; step < Number(values.rounds); step++) {
        for (const victim of ['executable', 'agent'] as const) {
          for (const command of ['ADD', 'DEL'] as const) {
            // The more containers, the longer the whole takes.
            const afterMs = step * 0.5 * Math.max(1, containers / 8);
            const wrong = await chaos.round({ victim, command, afterMs });
            operations += containers;
            failures += wrong.length;
            for (const what of wrong) console.log(`${victim} killed ${afterMs} ms into ${command}: ${what}`);
          }
        }
        console.error(`${operations} operations, ${failures} failures`);
      }
    } finally {
      await chaos.end();
    }
  } finally {
    await agent.remove();
  }
  console.log(`${operations} operations, ${failures} failures`);
  if (failures > 0) process.exitCode = 1;
}
