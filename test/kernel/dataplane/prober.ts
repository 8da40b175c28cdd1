import { createInterface } from 'node:readline';
import type { Netns } from '../../support/netns.ts';

/** A flow to try from a namespace. ICMP is an echo request. */
export type Flow =
  | {
      readonly protocol: 'tcp' | 'udp';
      readonly to: string;
      readonly port: number;
      readonly from?: string;
      readonly fromPort?: number;
    }
  | { readonly protocol: 'icmp'; readonly to: string; readonly from?: string };

/** A namespace with a prober in it. */
export interface Place {
  readonly netns: Netns;
  readonly probe: Prober;
}

/** Sends and answers probes in one namespace; ends with the namespace. */
export interface Prober {
  /** Answers on these ports of all addresses, with what was sent. */
  listen(protocol: 'tcp' | 'udp', ports: readonly number[]): Promise<void>;
  /** Whether an answer to a new flow comes back, within `timeoutMs` (400 ms). */
  reaches(flow: Flow, timeoutMs?: number): Promise<boolean>;
}

/** Starts the agent of probe-agent.ts in the namespace. */
export function startProber(netns: Netns): Prober {
  const agent = netns.spawn(process.execPath, [new URL('./probe-agent.ts', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = new Map<number, { resolve: (ok: boolean) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  if (!agent.stdin || !agent.stdout) throw new Error('the probe agent was started without pipes');
  const input = agent.stdin;
  createInterface({ input: agent.stdout }).on('line', (line) => {
    // Written by probe-agent.ts.
    const { id, ok, error } = JSON.parse(line) as { id: number; ok: boolean; error?: string };
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(ok);
    else waiter?.reject(new Error(error));
  });
  agent.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`the probe agent in ${netns.name} has ended`));
  });
  const ask = (command: object) =>
    new Promise<boolean>((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      input.write(`${JSON.stringify({ id, ...command })}\n`);
    });
  return {
    async listen(protocol, ports) {
      await Promise.all(ports.map((port) => ask({ op: 'listen', protocol, port })));
    },
    async reaches(flow, timeoutMs = 400) {
      if (flow.protocol === 'icmp') {
        const source = flow.from === undefined ? [] : ['-I', flow.from];
        const args = ['-c', '1', '-W', String(timeoutMs / 1000), '-n', ...source, flow.to];
        return (await netns.try('ping', args)).code === 0;
      }
      const { protocol, port, to, from, fromPort } = flow;
      return ask({ op: 'probe', protocol, port, address: to, source: from, sourcePort: fromPort, timeoutMs });
    },
  };
}
