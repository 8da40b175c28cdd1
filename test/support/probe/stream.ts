import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { tryFlow } from './flows.ts';

export interface StreamOptions {
  readonly address: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  /** Between two packets of an established flow, and between two attempts at a new one. */
  readonly intervalMs: number;
  readonly newFlowEveryMs: number;
  /** A flow that policy denies; it is tried as often as new flows are. */
  readonly denied?: { readonly address: string; readonly port: number };
}

export interface StreamResult {
  /** Packets of the UDP flow and of the TCP connection that was opened at the start. */
  readonly udp: { readonly sent: number; readonly lost: number; readonly longestGapMs: number };
  readonly tcp: { readonly sent: number; readonly lost: number; readonly longestGapMs: number };
  /** TCP connections opened along the way. */
  readonly newFlows: { readonly attempts: number; readonly failed: number };
  /** Attempts at the denied flow, and how many got through. */
  readonly denied: { readonly attempts: number; readonly passed: number };
}

/** How long an answer may be under way before its packet counts as lost. */
const answerWithinMs = 1000;

/** Runs all flows until `end`, then waits for what is under way. `onReady` is called when each flow has had an answer. */
export async function stream(options: StreamOptions, end: Promise<void>, onReady: () => void): Promise<StreamResult> {
  let running = true;
  void end.then(() => {
    running = false;
  });
  const isRunning = () => running;
  const udp = await udpFlow(options, isRunning);
  const tcp = await tcpFlow(options, isRunning);
  onReady();
  const newFlows = repeat(options, isRunning, { address: options.address, port: options.tcpPort });
  const denied = options.denied
    ? repeat(options, isRunning, options.denied)
    : Promise.resolve({ answered: 0, tried: 0 });
  const opened = await newFlows;
  const passed = await denied;
  return {
    udp: await udp(),
    tcp: await tcp(),
    newFlows: { attempts: opened.tried, failed: opened.tried - opened.answered },
    denied: { attempts: passed.tried, passed: passed.answered },
  };
}

/** Counts packets and the longest silence between two answers. */
function counter() {
  let sent = 0;
  let received = 0;
  let last = performance.now();
  let longestGapMs = 0;
  return {
    sending: () => sent++,
    answered() {
      received++;
      const now = performance.now();
      longestGapMs = Math.max(longestGapMs, now - last);
      last = now;
    },
    get outstanding() {
      return sent - received;
    },
    result: () => ({ sent, lost: sent - received, longestGapMs: Math.round(longestGapMs) }),
  };
}

async function settle(count: ReturnType<typeof counter>): Promise<void> {
  for (let waited = 0; waited < answerWithinMs && count.outstanding > 0; waited += 20) await delay(20);
}

/** Starts the UDP flow once a first packet has been answered; the value gives its result when it is over. */
async function udpFlow({ address, udpPort, intervalMs }: StreamOptions, isRunning: () => boolean) {
  const socket = createSocket('udp4');
  socket.send('first', udpPort, address);
  await once(socket, 'message', { signal: AbortSignal.timeout(5000) });
  const count = counter();
  socket.on('message', () => count.answered());
  const done = (async () => {
    while (isRunning()) {
      count.sending();
      socket.send('packet', udpPort, address);
      await delay(intervalMs);
    }
    await settle(count);
    socket.close();
  })();
  return async () => {
    await done;
    return count.result();
  };
}

/** The same for one TCP connection; a byte is a packet, as Nagle's algorithm is off. */
async function tcpFlow({ address, tcpPort, intervalMs }: StreamOptions, isRunning: () => boolean) {
  const socket = connect({ host: address, port: tcpPort, noDelay: true });
  await once(socket, 'connect', { signal: AbortSignal.timeout(5000) });
  const count = counter();
  socket.on('data', (bytes) => {
    for (let i = 0; i < bytes.length; i++) count.answered();
  });
  // A broken connection shows as packets that were never answered.
  socket.on('error', () => {});
  const done = (async () => {
    while (isRunning()) {
      count.sending();
      socket.write('.');
      await delay(intervalMs);
    }
    await settle(count);
    socket.destroy();
  })();
  return async () => {
    await done;
    return count.result();
  };
}

/** Opens a new TCP connection again and again. */
async function repeat(
  { newFlowEveryMs }: StreamOptions,
  isRunning: () => boolean,
  target: { readonly address: string; readonly port: number },
) {
  const attempts: Promise<boolean>[] = [];
  while (isRunning()) {
    attempts.push(tryFlow({ protocol: 'TCP', ...target, timeoutMs: answerWithinMs }).then((it) => it === 'answered'));
    await delay(newFlowEveryMs);
  }
  const outcomes = await Promise.all(attempts);
  return { tried: outcomes.length, answered: outcomes.filter(Boolean).length };
}
