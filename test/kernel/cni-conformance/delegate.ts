import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/temporary-folder.ts';
import type { Call, Trial } from './subject.ts';

/** One execution of a delegated plugin. */
export interface Execution {
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/**
 * An IPAM plugin that writes down what it is executed with, gives one address, and fails where it is told to. It says so on standard
 * error as well.
 */
export interface Delegate {
  /** A call of the subject that delegates to it. */
  readonly call: Call;
  readonly said: string;
  /** Oldest first. */
  executions(): Execution[];
  /** From now on this operation fails, with this code. */
  fail(command: string, code: number): void;
  succeed(): void;
}

const type = 'recorder';

/** Gives it to the work, in a folder that is gone afterwards. */
export async function withDelegate(trial: Trial, work: (delegate: Delegate) => Promise<void>): Promise<void> {
  const folder = makeTemporaryFolder('delegate');
  const [bin, log, failures] = ['bin', 'log', 'failures'].map((name) => join(folder, name));
  for (const each of [bin, log, failures]) mkdirSync(each);
  const said = 'the recorder speaks';
  const result = {
    cniVersion: trial.version,
    ips: [{ ...(trial.version < '1.0.0' && { version: '4' }), address: '198.18.7.7/24', gateway: '198.18.7.1' }],
    routes: [{ dst: '0.0.0.0/0' }],
    dns: {},
  };
  const script = `#!/bin/sh
n=$(ls ${log} | wc -l)
mkdir ${log}/$n
cat > ${log}/$n/stdin
env > ${log}/$n/environment
echo '${said}' >&2
if [ -e ${failures}/$CNI_COMMAND ]; then cat ${failures}/$CNI_COMMAND; exit 1; fi
[ "$CNI_COMMAND" != ADD ] || echo '${JSON.stringify(result)}'
`;
  writeFileSync(join(bin, type), script);
  chmodSync(join(bin, type), 0o755);
  const succeed = () => {
    for (const name of readdirSync(failures)) rmSync(join(failures, name));
  };
  try {
    await work({
      call: { env: { CNI_PATH: `${trial.subject.path}:${bin}` }, configuration: { ipam: { type, unheardOf: [1] } } },
      said,
      executions: () =>
        readdirSync(log)
          .sort((a, b) => Number(a) - Number(b))
          .map((n) => {
            const environment = variablesOf(readFileSync(join(log, n, 'environment'), 'utf8'));
            const stdin = readFileSync(join(log, n, 'stdin'), 'utf8');
            return { command: environment.CNI_COMMAND, environment, stdin };
          }),
      fail: (command, code) =>
        writeFileSync(join(failures, command), JSON.stringify({ cniVersion: trial.version, code, msg: 'no' })),
      succeed,
    });
  } finally {
    // What was made is taken back while it can be executed.
    succeed();
    await trial.end();
    removeTemporaryFolder(folder);
  }
}

function variablesOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
