import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** Where commands are looked up: after `su` without a login, root's PATH lacks the folders of `ip` and `bird`. */
const searchPath = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);

/** For our own programs: Node.js keeps what it compiled from their sources, which halves the time that they take to start. */
const nodeEnv = { NODE_COMPILE_CACHE: '/var/cache/caracal/node' };

/** Where agents write down when each step of an ADD was taken; see apps/agent/steps.ts. */
const traceEnv = process.env.CARACAL_TRACE ? { CARACAL_TRACE: process.env.CARACAL_TRACE } : {};

/** The environment that every process of a lab gets. */
export const baseEnv = { PATH: searchPath, HOME: '/root', LANG: 'C.UTF-8', NO_COLOR: '1', ...nodeEnv, ...traceEnv };

/** Runs a command to its end; rejects, with its standard error, when it fails. */
export const run = execa({ env: { PATH: searchPath, ...nodeEnv } });

/** A program of this repository: `node FILE`, with the Node.js that runs us. */
export const app = (name: 'agent' | 'bgp' | 'ctl' | 'hub'): string[] => [
  process.execPath,
  // As the entry point of the image starts it.
  ...(name === 'agent' ? ['--max-semi-space-size=2'] : []),
  fileURLToPath(new URL(`../../apps/${name}/main.ts`, import.meta.url)),
];
