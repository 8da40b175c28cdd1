import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress, parsePrefix } from '@caracal/net';
import { type ConnectionOptions, withHub } from '../connection.ts';
import { gatewayOf, serviceOf } from '../gateway-of.ts';
import { CommandError, type Io, usageError } from '../io.ts';
import { type OutputFormat, writeStructured } from '../output/structured.ts';
import { formatTable } from '../output/table.ts';
import { problemLines } from '../report-problems.ts';

/** Nodes report every ten seconds. */
const answerWithinMs = 25_000;
const askEveryMs = 1_000;

export interface ReleaseOptions extends ConnectionOptions {
  readonly ip?: string;
  readonly node?: string;
  readonly former?: boolean;
}

/** Takes back one leaked address, or all that a node owns which is off for good. */
export async function ipamRelease(options: ReleaseOptions, io: Io): Promise<void> {
  if ((options.ip === undefined) === (options.node === undefined)) throw usageError('either --ip or --node');
  if (options.ip !== undefined) return releaseAddress(options.ip, options, io);
  const node = options.node ?? '';
  const { cidrs, endpoints } = await withHub(options, io, (hub) =>
    hub.reclaimNode({ node, formerOnly: options.former ?? false }),
  );
  const what = options.former ? `earlier incarnations of node ${node}` : `node ${node}`;
  io.out(
    `${what}: ${cidrs.length} blocks and ${endpoints} endpoints taken back${cidrs.map((cidr) => `\n  ${cidr}`).join('')}\n`,
  );
}

async function releaseAddress(address: string, options: ConnectionOptions, io: Io): Promise<void> {
  if (!parseAddress(address)) throw usageError(`--ip ${address}: that is no IP address`);
  await withHub(options, io, async (hub) => {
    const deadline = io.now() + answerWithinMs;
    let answer = await hub.releaseAddress({ address, again: true });
    if (answer.state === 'free') {
      io.out(`${address} is held by nobody\n`);
      return;
    }
    const { node } = answer;
    while (answer.state === 'asked' && io.now() < deadline) {
      await sleep(askEveryMs);
      answer = await hub.releaseAddress({ address });
    }
    if (answer.state === 'free') io.out(`${address} released by node ${node}\n`);
    else if (answer.state === 'refused') throw new CommandError(`node ${node} keeps ${address}: ${answer.reason}`);
    else
      throw new CommandError(
        `node ${node} has not answered: it releases ${address} when it reports again, unless something uses it`,
      );
  });
}

/** Keeps addresses from being given out unasked. */
export async function ipamReserve(
  name: string,
  cidrs: readonly string[],
  options: ConnectionOptions,
  io: Io,
): Promise<void> {
  const document = {
    apiVersion: 'caracal.network/v1',
    kind: 'IPReservation',
    metadata: { name },
    spec: { reservedCIDRs: cidrs },
  };
  const { problems, applied } = await withHub(options, io, (hub) =>
    hub.apply({ documents: [JSON.stringify(document)] }),
  );
  if (problems.length > 0) throw new CommandError(problemLines(problems, []).join('\n'));
  for (const { object, outcome } of applied) io.out(`${object} ${outcome}\n`);
}

/** Who had an address, and whose its block was. */
export async function ipamHistory(
  address: string,
  options: ConnectionOptions & { readonly output: OutputFormat; readonly limit?: string },
  io: Io,
): Promise<void> {
  if (!parseAddress(address)) throw usageError(`${address}: that is no IP address`);
  const limit = Number(options.limit ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw usageError(`--limit ${options.limit}: expected a number from 1 to 10000`);
  const { events } = await withHub(options, io, (hub) => hub.addressHistory({ address, limit }));
  const rows = events.map(({ $typeName: _type, $unknown: _unknown, atMs, revision, ...event }) => ({
    at: new Date(Number(atMs)).toISOString(),
    revision: Number(revision),
    ...event,
  }));
  if (options.output === 'json' || options.output === 'yaml')
    return writeStructured(io, options.output, { events: rows });
  if (rows.length === 0) return void io.err(`nothing is known of ${address}\n`);
  io.out(
    formatTable(rows, [
      { title: 'TIME', cell: (row) => row.at },
      { title: 'WHAT', cell: (row) => (isBlock(row.cidr) ? `block ${row.event}` : row.event) },
      { title: 'NODE', cell: (row) => row.node },
      { title: 'WHO', cell: (row) => whoOf(row) },
      { title: 'REVISION', cell: (row) => row.revision },
    ]),
  );
}

/** Has blocks granted again after a failover although some nodes have not said what they own. */
export async function ipamResume(options: ConnectionOptions, io: Io): Promise<void> {
  const { nodes } = await withHub(options, io, (hub) => hub.endReassertion({}));
  const missing = nodes.length === 0 ? 'every node has said what it owns' : `not heard: ${nodes.join(', ')}`;
  io.out(`blocks are granted; ${missing}\n`);
}

function isBlock(cidr: string): boolean {
  return cidr.includes('/');
}

function whoOf(row: { cidr: string; podName: string; podNamespace: string; containerId: string; incarnation: string }) {
  if (isBlock(row.cidr)) return `${row.cidr}, incarnation ${row.incarnation.slice(0, 8)}`;
  const gateway = gatewayOf(row.containerId);
  if (gateway) return `gateway of network ${gateway}`;
  const service = serviceOf(row.containerId);
  if (service) return `Service ${service}`;
  const container = `container ${row.containerId.slice(0, 12)}`;
  return row.podName ? `${row.podNamespace}/${row.podName}, ${container}` : container;
}

/** `/25` or `25`. */
export function prefixLengthOf(text: string, pool: string): number {
  const length = Number(text.replace(/^\//, ''));
  if (!Number.isInteger(length) || !(parsePrefix(`::/${length}`) || length <= 32)) {
    throw usageError(`--into ${text}: expected the prefix length of the parts of ${pool}, such as /20`);
  }
  return length;
}
