/**
 * Runs inside a namespace and sends or answers probes on behalf of a test (see prober.ts): commands and answers are JSON
 * lines on standard input and output. Ends when standard input does.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const stepMs = 20;

interface Command {
  readonly id: number;
  readonly op: 'listen' | 'probe';
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly address?: string;
  readonly source?: string;
  readonly sourcePort?: number;
  readonly timeoutMs?: number;
}

function listen({ protocol, port }: Command): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (protocol === 'tcp') {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      });
      server.once('error', reject);
      server.listen(port, '::', () => resolve(true));
    } else {
      // A socket each: what one of both families answers might come from another address.
      let bound = 0;
      for (const socket of [createSocket('udp4'), createSocket({ type: 'udp6', ipv6Only: true })]) {
        socket.once('error', reject);
        socket.on('message', (message, from) => socket.send(message, from.port, from.address));
        socket.bind(port, () => ++bound === 2 && resolve(true));
      }
    }
  });
}

/**
 * Calls back when so much time is over, in steps that each take longer where processes wait for a processor: the answer of one that
 * waits comes later too.
 */
function after(timeoutMs: number, over: () => void): NodeJS.Timeout {
  let waitedMs = 0;
  return setInterval(() => {
    waitedMs += stepMs;
    if (waitedMs >= timeoutMs) over();
  }, stepMs);
}

/** Whether an echo came back in time. */
function probe({ protocol, port, address, source, sourcePort, timeoutMs = 400 }: Command): Promise<boolean> {
  return new Promise((resolve) => {
    if (protocol === 'tcp') {
      const socket = connect({ host: address, port, localAddress: source, localPort: sourcePort });
      const end = (passed: boolean) => {
        clearInterval(timer);
        socket.destroy();
        resolve(passed);
      };
      const timer = after(timeoutMs, () => end(false));
      socket.on('error', () => end(false));
      socket.on('connect', () => socket.write('?'));
      socket.on('data', () => end(true));
    } else {
      const socket = createSocket(address?.includes(':') ? 'udp6' : 'udp4');
      const end = (passed: boolean) => {
        clearInterval(timer);
        socket.close();
        resolve(passed);
      };
      const timer = after(timeoutMs, () => end(false));
      socket.on('error', () => {});
      socket.on('message', () => end(true));
      socket.bind(sourcePort ?? 0, source, () => socket.send('?', port, address));
    }
  });
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    // Written by prober.ts.
    const command = JSON.parse(line) as Command;
    const answer = command.op === 'listen' ? listen(command) : probe(command);
    answer.then(
      (ok) => process.stdout.write(`${JSON.stringify({ id: command.id, ok })}\n`),
      (error: Error) => process.stdout.write(`${JSON.stringify({ id: command.id, error: error.message })}\n`),
    );
  })
  .on('close', () => process.exit(0));
