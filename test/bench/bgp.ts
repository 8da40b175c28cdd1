import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, createNetns, type Netns } from '../support/netns.ts';
import { bgpSpeakers, compileCaracal, type SpeakerUnderTest } from './bgp-speakers.ts';

/**
 * Times a table on its way through a speaker: N routes from one external peer to another, each of the three in a network
 * namespace of its own. The speakers take turns, so that all of them meet the same machine; a figure is the median. `caracal` is compiled as in the image, `sources` are
 * run as they are.
 */

interface Run {
  /** From the first byte sent to the last route received. */
  readonly ms: number;
  /** The same for the withdrawal of all routes, which follows. */
  readonly withdrawMs: number;
  readonly updates: number;
  /** Before the withdrawal, as the processor's time. */
  readonly peakMiB: number;
  readonly cpuSeconds: number;
}

export interface BgpBenchResult {
  readonly routes: number;
  readonly perUpdate: number;
  readonly runs: number;
  readonly speakers: readonly ({ readonly name: string } & (
    | { readonly median: Run; readonly all: readonly Run[] }
    | { readonly missing: string }
  ))[];
}

export interface BgpBenchOptions {
  readonly routes: number;
  readonly perUpdate: number;
  readonly runs: number;
  /** By name; all of them when absent. */
  readonly only?: readonly string[];
  readonly onProgress?: (line: string) => void;
}

const limitMs = 180_000;
const trafficFile = new URL('bgp-traffic.ts', import.meta.url).pathname;

export async function benchBgp(options: BgpBenchOptions): Promise<BgpBenchResult> {
  const { routes, perUpdate, runs, only, onProgress = () => {} } = options;
  const chosen = bgpSpeakers.filter((speaker) => only?.includes(speaker.name) ?? true);
  if (chosen.some(({ name }) => name === 'caracal')) compileCaracal();
  const measured = new Map<string, Run[]>();
  for (let i = 0; i < runs; i++) {
    for (const speaker of chosen) {
      if (!existsSync(speaker.program)) continue;
      const run = await measure(speaker, routes, perUpdate);
      measured.set(speaker.name, [...(measured.get(speaker.name) ?? []), run]);
      onProgress(
        `${speaker.name}, run ${i + 1} of ${runs}: ${run.ms.toFixed(0)} ms, gone in ${run.withdrawMs.toFixed(0)} ms, ${run.peakMiB} MiB`,
      );
    }
  }
  const speakers = chosen.map(({ name, program }) => {
    const all = measured.get(name);
    return all ? { name, median: medianOf(all), all } : { name, missing: `${program} is not installed` };
  });
  return { routes, perUpdate, runs, speakers };
}

/** Each figure's own median. */
function medianOf(runs: readonly Run[]): Run {
  const median = (value: (run: Run) => number) => runs.map(value).sort((a, b) => a - b)[runs.length >> 1];
  return {
    ms: median((run) => run.ms),
    withdrawMs: median((run) => run.withdrawMs),
    updates: median((run) => run.updates),
    peakMiB: median((run) => run.peakMiB),
    cpuSeconds: median((run) => run.cpuSeconds),
  };
}

async function measure(speaker: SpeakerUnderTest, routes: number, perUpdate: number): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'caracal-bench-bgp-'));
  // FRR's daemon writes there under a user of its own.
  chmodSync(folder, 0o777);
  const spaces: Netns[] = [];
  try {
    const [dut, tx, rx] = [await createNetns('dut'), await createNetns('tx'), await createNetns('rx')];
    spaces.push(tx, rx, dut);
    for (const [i, netns] of [tx, rx].entries()) {
      await connect(
        { netns: dut, interface: `eth${i + 1}`, address: `10.99.${i + 1}.1/24` },
        { netns, interface: 'eth0', address: `10.99.${i + 1}.2/24` },
      );
    }
    const file = join(folder, speaker.fileName);
    writeFileSync(file, speaker.config);
    const [command, ...args] = speaker.command(file, folder);
    const process = dut.spawn(command, args, { stdio: 'ignore' });
    const traffic = (netns: Netns, role: string, link: number, as: number) =>
      netns.spawn(
        globalThis.process.execPath,
        [trafficFile, role, `10.99.${link}.2`, `10.99.${link}.1`, `${as}`, `${routes}`, `${perUpdate}`],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
    const receiver = traffic(rx, 'rx', 2, 65003);
    await line(receiver, 'established', speaker.name);
    const sender = traffic(tx, 'tx', 1, 65002);
    const started = line(sender, 'start', speaker.name);
    const [end, updates] = await line(receiver, 'done', speaker.name);
    const [start] = await started;
    const used = usage(process.pid ?? 0);
    const [withdrawing, gone] = [line(sender, 'withdraw', speaker.name), line(receiver, 'gone', speaker.name)];
    sender.stdin?.write('withdraw\n');
    const withdrawMs = (await gone)[0] - (await withdrawing)[0];
    return { ms: end - start, withdrawMs, updates, ...used };
  } finally {
    for (const netns of spaces) await netns.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The numbers behind a word that a process prints; rejects when it ends before, or says nothing for too long. */
function line(child: ChildProcess, word: string, name: string): Promise<number[]> {
  const { stdout } = child;
  if (!stdout) throw new Error('the output is not piped');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${name}: no "${word}" within ${limitMs / 1000} s`)), limitMs);
    createInterface(stdout).on('line', (text) => {
      const [first, ...numbers] = text.split(' ');
      if (first !== word) return;
      clearTimeout(timer);
      resolve(numbers.map(Number));
    });
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Error(`${name}: a neighbour ended before "${word}"`));
    });
  });
}

/** Peak memory and processor time of a process and its children. */
function usage(pid: number): Pick<Run, 'peakMiB' | 'cpuSeconds'> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const peakMiB = Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
  // Fields 14 and 15 of proc(5) stat, in ticks of 10 ms; the name before them may have spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const own = { peakMiB, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100 };
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return children.map(Number).reduce((sum, child) => {
    const more = usage(child);
    return { peakMiB: sum.peakMiB + more.peakMiB, cpuSeconds: sum.cpuSeconds + more.cpuSeconds };
  }, own);
}

export function formatBgpBench(result: BgpBenchResult): string {
  const head = `${result.routes} routes from one external peer to another, ${result.perUpdate} an UPDATE, and their withdrawal; medians of ${result.runs}`;
  const rows = result.speakers.map((speaker) => {
    if ('missing' in speaker) return `${speaker.name.padEnd(10)} ${speaker.missing}`;
    const { ms, withdrawMs, peakMiB, cpuSeconds, updates } = speaker.median;
    const seconds = (value: number) => `${(value / 1000).toFixed(2)} s`;
    const figures = [seconds(ms), seconds(withdrawMs), `${peakMiB} MiB`, `${cpuSeconds.toFixed(2)} s`, `${updates}`];
    return [speaker.name.padEnd(10), ...figures.map((figure) => figure.padStart(11))].join(' ');
  });
  const columns = [
    'speaker'.padEnd(10),
    ...['time', 'withdrawal', 'peak', 'processor', 'UPDATEs out'].map((name) => name.padStart(11)),
  ];
  return [head, columns.join(' '), ...rows].join('\n');
}
