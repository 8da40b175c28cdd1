import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** Where commands are looked up: after `su` without a login, root's PATH lacks the folders of `ip` and `bird`. */
export const searchPath = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);

/** Runs a command to its end; rejects, with its standard error, when it fails. */
export const run = execa({ env: { PATH: searchPath } });

/** A program of this repository: `node FILE`, with the Node.js that runs us. */
export const app = (name: 'agent' | 'bgp' | 'ctl' | 'hub'): string[] => [
  process.execPath,
  fileURLToPath(new URL(`../../apps/${name}/main.ts`, import.meta.url)),
];
