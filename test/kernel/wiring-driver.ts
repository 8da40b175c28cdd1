import { createInterface } from 'node:readline';
import { createWiring } from '../../apps/agent/wiring/index.ts';

/**
 * Runs the wiring in the network namespace of this process and does what standard input says, a JSON line a call:
 * `{id, method, argument}`; answers `{id, answer}`.
 */
const wiring = createWiring();
// The methods are those of Wiring; each takes at most one argument.
const methods = wiring as unknown as Record<string, (argument: unknown) => Promise<unknown>>;

const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { id, method, argument } = JSON.parse(line);
  const answer = await methods[method](argument);
  process.stdout.write(`${JSON.stringify({ id, answer })}\n`);
});
lines.on('close', () => void wiring.close());
