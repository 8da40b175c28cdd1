import Table from 'cli-table3';
import picocolors from 'picocolors';
import type { LabStatus, Running } from './status.ts';

/** The lab as tables of at most 80 columns. */
export function renderStatus(status: LabStatus): string {
  const { processes, tor, client } = status;
  const parts = table(
    ['PART', 'ADDRESS', 'AS', 'STATE'],
    [
      ['database', '(unix socket)', '', state(processes.database)],
      ['hub', status.hubAddress.replace('https://', ''), '', state(processes.hub)],
      ['tor', tor.address, `${tor.asNumber ?? ''}`, tor.asNumber === null ? 'no BGP' : state(processes.tor)],
      ['client', client.address, '', ''],
    ],
  );
  const nodes = table(
    ['NODE', 'ADDRESS', 'AS', 'AGENT', 'BGP'],
    status.nodes.map((node) => [node.name, node.address, `${node.asNumber}`, state(node.agent), state(node.bgp)]),
  );
  const pods = table(
    ['POD', 'NODE', 'ADDRESS', 'LABELS'],
    status.pods.map((pod) => [
      `${pod.namespace}/${pod.name}`,
      pod.node,
      pod.ips.join(' '),
      Object.entries(pod.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    ]),
  );
  const sections = [parts, nodes, ...(status.pods.length > 0 ? [pods] : []), `state and logs: ${status.folder}`];
  return `${sections.join('\n\n')}\n`;
}

/** On a terminal only. */
const pc = picocolors.createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);
const state = (running: Running) => (running === 'running' ? pc.green(running) : pc.red(running));

const noLines = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'];
const noRules = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const result = new Table({
    head: [...head],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: { ...Object.fromEntries([...noLines, ...noRules].map((key) => [key, ''])), middle: '' },
  });
  result.push(...rows.map((row) => [...row]));
  return result.toString();
}
