import { readFileSync } from 'node:fs';
import type { PlanRow } from '@caracal/bgp-speaker';
import { type Command, Option } from 'commander';
import { defaultSocket } from './protocol.ts';
import { askInParts } from './show.ts';

/** Of `plan`, as those of diff(1). */
const exitCodes = { same: 0, different: 1, trouble: 2 } as const;

interface PlanFlags {
  file: string;
  socket: string;
  output: 'table' | 'json';
}

/** `caracal-bgp plan`: what would change if a file became the configuration. */
export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description(
      'print what would change if a file became the configuration; exits with 0 for nothing, 1 for something, 2 for trouble',
    )
    .requiredOption('-f, --file <file>', 'YAML resources, as for run --config')
    .option('--socket <path>', 'control socket', defaultSocket)
    .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'))
    .action(async ({ file, socket, output }: PlanFlags) => {
      process.exitCode = exitCodes.trouble;
      const text = readFileSync(file, 'utf8');
      const counts = new Map<string, number>();
      let count = 0;
      const write = (row: PlanRow) => {
        const json = `${count === 0 ? '[' : ','}\n  ${JSON.stringify(row)}`;
        process.stdout.write(output === 'json' ? json : `${formatRow(row)}\n`);
        count++;
        counts.set(countedAs(row), (counts.get(countedAs(row)) ?? 0) + 1);
      };
      await askInParts(socket, { type: 'plan', text }, (rows) => {
        // Our own server sent them.
        for (const row of rows as readonly PlanRow[]) write(row);
      });
      if (output === 'json') process.stdout.write(count === 0 ? '[]\n' : '\n]\n');
      else process.stdout.write(`${summary(counts)}\n`);
      process.exitCode = count === 0 ? exitCodes.same : exitCodes.different;
    });
}

const signs = { gains: '+', loses: '-', changes: '~' } as const;

const sessionTexts = {
  begins: 'begins',
  ends: 'ends',
  shutsDown: 'is shut down',
  restarts: 'restarts',
  asksAgain: 'stays; the peer is asked for all its routes once more',
} as const;

/** A row as a line for people. */
function formatRow(row: PlanRow): string {
  switch (row.kind) {
    case 'session': {
      const settings = row.settings.length === 0 ? '' : `: ${row.settings.join(', ')}`;
      return `! session ${row.peer} ${sessionTexts[row.change]}${settings}`;
    }
    case 'route':
      return `${signs[row.change]} ${row.peer} ${row.prefix}`;
    case 'kernel':
      return `${signs[row.change]} (kernel) ${row.prefix}`;
  }
}

function countedAs(row: PlanRow): string {
  switch (row.kind) {
    case 'session':
      return 'sessions';
    case 'route':
      return row.change === 'changes' ? 'changed' : row.change === 'gains' ? 'gained' : 'lost';
    case 'kernel':
      return 'in the kernel';
  }
}

function summary(counts: ReadonlyMap<string, number>): string {
  if (counts.size === 0) return 'nothing would change';
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}
