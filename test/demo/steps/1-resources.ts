import { readFileSync } from 'node:fs';
import { type Context, check, ctl } from '../context.ts';

const resource = (name: string) => readFileSync(new URL(`../resources/${name}.yaml`, import.meta.url), 'utf8');

function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

/** Resources go in as YAML; a wrong one is refused before anything changes. */
export async function applyResources(context: Context): Promise<void> {
  const { lab, terminal } = context;
  const { router, nodeList } = lab.topology;
  const network = fill(resource('network'), { TOR_ADDRESS: router.address, TOR_AS: router.asNumber });
  const nodes = nodeList.map((node) => fill(resource('node'), { NODE: node.name, AS: node.asNumber }));
  terminal.command(
    'caracalctl apply -f network.yaml',
    await ctl(context, ['apply', '-f', '-'], network + nodes.join('')),
  );
  terminal.command('caracalctl apply -f policies.yaml', await ctl(context, ['apply', '-f', '-'], resource('policies')));

  const before = await ctl(context, ['get', 'ippools', '-o', 'json']);
  const refused = await lab.ctl(['apply', '-f', '-'], { input: resource('wrong') });
  terminal.command('caracalctl apply -f wrong.yaml', refused.stderr || refused.stdout);
  check(
    context,
    refused.code === 1 && /spec\.blockSize/.test(refused.stderr + refused.stdout),
    'a wrong resource is refused with its field named',
    `exit code ${refused.code}`,
  );
  check(
    context,
    (await ctl(context, ['get', 'ippools', '-o', 'json'])) === before,
    'and nothing changed: the right one beside it was not stored either',
    'the pools are not what they were',
  );
}
