/** Questions about flows as the command line and files put them. */
import { readFileSync } from 'node:fs';
import { parseAddress } from '@caracal/net';
import type { Flow, FlowEnd } from '@caracal/policy';
import { type Io, usageError } from '../io.ts';

export interface FlowOptions {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: string;
  readonly port?: string;
  readonly flows?: string;
}

/** A question: as it was put, to be given back in the answer, and as the evaluator takes it. */
export interface Question {
  readonly asked: {
    readonly from: string;
    readonly to: string;
    readonly protocol: string | number;
    readonly port?: number;
  };
  readonly flow: Flow;
}

/** The questions of one call, and whether they came as a batch. */
export async function questionsOf(options: FlowOptions, io: Io): Promise<{ batch: boolean; questions: Question[] }> {
  if (options.flows === undefined) return { batch: false, questions: [question('', options)] };
  if (options.from !== undefined || options.to !== undefined)
    throw usageError('give --from and --to, or --flows, not both');
  const text = options.flows === '-' ? await io.readStdin() : readText(options.flows);
  return { batch: true, questions: parseFlows(text) };
}

/** A JSON array of `{from, to, protocol?, port?}`; other fields are passed over. */
export function parseFlows(text: string): Question[] {
  let flows: unknown;
  try {
    flows = JSON.parse(text);
  } catch (error) {
    throw usageError(`--flows: that is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (!Array.isArray(flows)) throw usageError('--flows: give a JSON array of {from, to, protocol, port}');
  return flows.map((flow: unknown, i) => {
    if (typeof flow !== 'object' || flow === null)
      throw usageError(`flow ${i}: give an object {from, to, protocol, port}`);
    return question(`flow ${i}: `, flow);
  });
}

function question(
  place: string,
  given: { from?: unknown; to?: unknown; protocol?: unknown; port?: unknown },
): Question {
  const protocol = given.protocol ?? 'TCP';
  if (typeof protocol !== 'string' && typeof protocol !== 'number')
    throw usageError(`${place}protocol: give a name or a number`);
  const port = given.port === undefined ? undefined : Number(given.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65535)) {
    throw usageError(`${place}port ${given.port}: give a number from 0 to 65535`);
  }
  if (port === undefined && ['tcp', 'udp', 'sctp', '6', '17', '132'].includes(String(protocol).toLowerCase())) {
    throw usageError(`${place}a flow of ${protocol} needs a destination port${place ? '' : ': --port'}`);
  }
  const source = endOf(`${place}${place ? 'from' : '--from'}`, given.from);
  const destination = endOf(`${place}${place ? 'to' : '--to'}`, given.to);
  const numeric = typeof protocol === 'string' && /^\d+$/.test(protocol) ? Number(protocol) : protocol;
  return {
    asked: { from: source.text, to: destination.text, protocol: numeric, ...(port !== undefined && { port }) },
    flow: { source: source.end, destination: destination.end, protocol: numeric, ...(port !== undefined && { port }) },
  };
}

function endOf(what: string, given: unknown): { text: string; end: FlowEnd } {
  if (typeof given !== 'string' || given === '') throw usageError(`${what} is missing: NAMESPACE/POD or an address`);
  if (parseAddress(given)) return { text: given, end: { address: given } };
  if (/^[^/]+\/[^/]+$/.test(given)) return { text: given, end: { pod: given } };
  throw usageError(`${what} ${given}: give NAMESPACE/POD or an address`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(`--flows: ${error instanceof Error ? error.message : error}`);
  }
}
