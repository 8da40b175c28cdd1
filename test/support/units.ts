// Commands of systemd units as systemd would start them, where there is no systemd: with the rights that the unit leaves them.
import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url).pathname;

export interface UnitCommands {
  readonly before: readonly (readonly string[])[];
  readonly main: readonly string[];
}

/** `/usr/local/bin/caracal NAME …` is that program of this repository; `place` says where else files lie than the unit has them. */
export function unitCommands(name: string, place: (text: string) => string): UnitCommands {
  const text = readFileSync(`${root}systemd/${name}.service`, 'utf8');
  const values = (key: string) => [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value);
  const capabilities = (values('CapabilityBoundingSet')[0] ?? '').split(' ').filter(Boolean);
  const bounding = ['-all', ...capabilities.map((each) => `+${each.replace(/^CAP_/, '').toLowerCase()}`)].join(',');
  if (!values('NoNewPrivileges').includes('yes')) throw new Error(`${name}.service: NoNewPrivileges=yes is missing`);
  const command = (line: string) => [
    'setpriv',
    '--no-new-privs',
    `--bounding-set=${bounding}`,
    ...caracal(place(line).split(' ')),
  ];
  const [main, ...others] = values('ExecStart');
  if (!main || others.length > 0) throw new Error(`${name}.service: one ExecStart is wanted`);
  return { before: values('ExecStartPre').map(command), main: command(main) };
}

/** What the image's entry point makes of it. */
export function caracal([program, part, ...args]: readonly string[]): string[] {
  if (!program?.endsWith('caracal')) throw new Error(`${program} is not the program of the image`);
  return [process.execPath, `${root}apps/${part}/main.ts`, ...args];
}
