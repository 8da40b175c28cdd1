import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../../../apps/bgp/show.ts';
import type { PeerStatus, RouteView } from '../../../libs/bgp-speaker/index.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/temporary-folder.ts';

/** A real caracal-bgp on the loopback addresses of this machine: it needs no namespace, and changes nothing. */
export interface Process {
  readonly port: number;
  /** What it has logged. */
  readonly output: string;
  received(peer: string): Promise<RouteView[]>;
  peers(): Promise<PeerStatus[]>;
  stop(): Promise<void>;
}

const main = new URL('../../../apps/bgp/main.ts', import.meta.url).pathname;

/** Starts it with a file of resources, as someone who runs it alone does, and waits until it is ready. */
export async function startProcess(port: number, resources: string): Promise<Process> {
  const folder = makeTemporaryFolder('reactions');
  const config = join(folder, 'bgp.yaml');
  const socket = join(folder, 'run', 'bgp.sock');
  writeFileSync(config, resources);
  const args = [main, 'run', '--config', config, '--socket', socket, '--router-id', '10.0.0.1'];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  const stop = async () => {
    if (!ended) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exited;
    }
    removeTemporaryFolder(folder);
  };
  try {
    await new Promise<void>((resolve, reject) => {
      const onText = (chunk: Buffer) => {
        output += chunk;
        if (output.includes('"msg":"ready"')) resolve();
      };
      child.stdout?.on('data', onText);
      child.stderr?.on('data', onText);
      child.once('exit', (code) => reject(new Error(`caracal-bgp ended with ${code}: ${output}`)));
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    get output() {
      return output;
    },
    // The rows come from the speaker, whose types these are.
    received: async (peer) => (await ask(socket, { type: 'show', what: 'received', peer })).rows as RouteView[],
    peers: async () => (await ask(socket, { type: 'show', what: 'peers' })).rows as PeerStatus[],
    stop,
  };
}
