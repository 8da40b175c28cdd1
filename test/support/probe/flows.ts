import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

/** One flow to try. */
export interface FlowAttempt {
  readonly protocol: 'TCP' | 'UDP';
  readonly address: string;
  readonly port: number;
  /** How long an answer may take before the flow counts as dropped. */
  readonly timeoutMs: number;
}

/** `answered`: the other side replied; `silent`: nothing came back in time; `refused`: something said no. */
export type FlowOutcome = 'answered' | 'silent' | 'refused';

export function tryFlow(flow: FlowAttempt): Promise<FlowOutcome> {
  return flow.protocol === 'TCP' ? tryTcp(flow) : tryUdp(flow);
}

function tryTcp({ address, port, timeoutMs }: FlowAttempt): Promise<FlowOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, noDelay: true });
    const finish = (outcome: FlowOutcome) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => finish('silent'), timeoutMs);
    socket.on('connect', () => socket.write('?'));
    socket.on('data', () => finish('answered'));
    socket.on('error', () => finish('refused'));
  });
}

function tryUdp({ address, port, timeoutMs }: FlowAttempt): Promise<FlowOutcome> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (outcome: FlowOutcome) => {
      clearTimeout(timer);
      clearInterval(again);
      socket.close();
      resolve(outcome);
    };
    const send = () => socket.send('?', port, address, () => {});
    const timer = setTimeout(() => finish('silent'), timeoutMs);
    // A first packet may be lost to address resolution; what policy drops, it drops each time.
    const again = setInterval(send, timeoutMs / 4);
    socket.on('message', () => finish('answered'));
    socket.on('error', () => finish('refused'));
    send();
  });
}
