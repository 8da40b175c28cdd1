import { stdout } from 'node:process';
import Table from 'cli-table3';
import picocolors from 'picocolors';

const width = 80;
/** Colours on a terminal only; left to itself the library also takes a build service for one. */
const colors = picocolors.createColors(stdout.isTTY === true && !process.env.NO_COLOR);

/** What the demo prints: at most 80 columns, colours only on a terminal. */
export interface Terminal {
  heading(number: number, title: string): void;
  /** A thing that held, with what it took. */
  passed(text: string, ms?: number): void;
  failed(text: string): void;
  note(text: string): void;
  /** A command as a person would type it, and (a part of) what it printed. */
  command(line: string, output?: string, lines?: number): void;
  table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): void;
}

export const terminal: Terminal = {
  heading: (number, title) => print(`\n${colors.bold(`${number}  ${title}`)}`),
  passed: (text, ms) => print(`   ${colors.green('✓')} ${cut(text, ms === undefined ? 5 : 15)}${duration(ms)}`),
  failed: (text) => print(`   ${colors.red('✗')} ${wrap(text, width - 5).join('\n     ')}`),
  note: (text) => print(`     ${colors.dim(cut(text, 5))}`),
  command(line, output = '', lines = 12) {
    for (const [i, each] of wrap(line, width - 5).entries()) print(`   ${i === 0 ? colors.cyan('$') : ' '} ${each}`);
    const given = output
      .trimEnd()
      .split('\n')
      .filter((each) => each.trim() !== '')
      .map((each) => each.replaceAll('\t', '    '));
    // What was laid out for the whole width keeps it; a line that is longer still is broken.
    const indent = given.every((each) => each.length <= width - 5) ? 5 : 0;
    const shown = given.flatMap((each) => wrap(each, width - indent));
    for (const each of shown.slice(0, lines)) print(`${' '.repeat(indent)}${colors.dim(each)}`);
    if (shown.length > lines) print(colors.dim(`     … ${shown.length - lines} more lines`));
  },
  table(head, rows) {
    const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
    for (const row of rows) table.push([...row]);
    for (const line of table.toString().split('\n')) print(line);
  },
};

function print(line: string): void {
  stdout.write(`${line}\n`);
}

function cut(text: string, indent: number): string {
  const room = width - indent;
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}

/** Breaks a long line at its spaces; what follows is indented a little more. */
function wrap(line: string, room: number): string[] {
  if (line.length <= room) return [line];
  const space = line.lastIndexOf(' ', room);
  const at = space > room / 2 ? space : room;
  return [line.slice(0, at), ...wrap(`  ${line.slice(at).trimStart()}`, room)];
}

function duration(ms?: number): string {
  return ms === undefined ? '' : colors.dim(`  ${Math.round(ms)} ms`);
}
