// SIGKILL at every step of ADD and DEL, of many containers at once: what a runtime would do follows, and then nothing may be left.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoneAgent } from './lone-agent.ts';
import { createNetns, type Netns } from './netns.ts';

export interface ChaosRound {
  /** Who is killed: the executable that the runtime waits for, or the agent. */
  readonly victim: 'executable' | 'agent';
  /** In the middle of which operation. */
  readonly command: 'ADD' | 'DEL';
  /** How long after its beginning. */
  readonly afterMs: number;
}

export interface Chaos {
  /** Answers with what was wrong afterwards. */
  round(round: ChaosRound): Promise<string[]>;
  end(): Promise<void>;
}

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
}

/** Prepares so many containers on a node whose agent runs and has no pods. */
export async function prepareChaos(agent: LoneAgent, containers: number): Promise<Chaos> {
  const namespaces: Netns[] = [];
  for (let i = 0; i < containers; i++) namespaces.push(await createNetns('chaos'));
  const before = await footprint(agent);
  let rounds = 0;

  function call(
    command: string,
    pod: number,
    prevResult?: unknown,
  ): { child: ChildProcess; outcome: Promise<Outcome> } {
    const child = spawn(join(agent.cniBin, 'caracal'), [], {
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: `round-${rounds}-pod-${pod}`,
        CNI_NETNS: namespaces[pod].path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: agent.cniBin,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(
      JSON.stringify({ cniVersion: '1.1.0', name: 'chaos', type: 'caracal', ...(prevResult ? { prevResult } : {}) }),
    );
    return {
      child,
      outcome: new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, stdout }))),
    };
  }

  const all = (command: string) => namespaces.map((_, pod) => call(command, pod));
  const outcomes = (calls: ReturnType<typeof all>) => Promise.all(calls.map(({ outcome }) => outcome));

  async function round({ victim, command, afterMs }: ChaosRound): Promise<string[]> {
    rounds++;
    const wrong: string[] = [];
    let standing: Outcome[] = [];
    if (command === 'DEL') {
      standing = await outcomes(all('ADD'));
      for (const { exitCode, stdout } of standing) if (exitCode !== 0) wrong.push(`ADD before the DEL: ${stdout}`);
    }
    const calls = all(command);
    await sleep(afterMs);
    if (victim === 'agent') await agent.stop('SIGKILL');
    else for (const { child } of calls) child.kill('SIGKILL');
    const answers = await outcomes(calls);
    if (victim === 'agent') await agent.start();
    if (command === 'ADD') standing = answers;
    else if (victim === 'agent') {
      for (const { exitCode, stdout } of answers) if (exitCode !== 0) wrong.push(`DEL without an agent: ${stdout}`);
    }

    if (command === 'ADD') wrong.push(...(await checkStanding(standing)));
    // Whatever ADD or DEL said or could not say: a runtime calls DEL until it succeeds.
    for (const { exitCode, stdout } of await outcomes(all('DEL')))
      if (exitCode !== 0) wrong.push(`the last DEL: ${stdout}`);
    const after = await footprint(agent);
    for (const line of after) if (!before.includes(line)) wrong.push(`left behind: ${line}`);
    for (const line of before) if (!after.includes(line)) wrong.push(`lost: ${line}`);
    for (const netns of namespaces) {
      const links: { ifname: string }[] = JSON.parse(await netns.run('ip', ['-json', 'link']));
      if (links.length !== 1) wrong.push(`left in a container: ${links.map(({ ifname }) => ifname)}`);
    }
    return wrong;
  }

  /** Whoever was told of success has an address of its own, and a CHECK that holds. */
  async function checkStanding(answers: readonly Outcome[]): Promise<string[]> {
    const wrong: string[] = [];
    const holders = new Map<string, number>();
    for (const [pod, { exitCode, stdout }] of answers.entries()) {
      if (exitCode !== 0) continue;
      const result = JSON.parse(stdout);
      const { address } = result.ips[0];
      if (holders.has(address)) wrong.push(`${address} was given to pods ${holders.get(address)} and ${pod}`);
      holders.set(address, pod);
      const checked = await call('CHECK', pod, result).outcome;
      if (checked.exitCode !== 0) wrong.push(`CHECK of an ADD that succeeded: ${checked.stdout}`);
    }
    return wrong;
  }

  return {
    round,
    end: async () => {
      for (const netns of namespaces) await netns.remove();
    },
  };
}

/** Everything that a pod could leave on a node: interfaces, routes, rules, sets, addresses in the journal, spooled requests. */
async function footprint(agent: LoneAgent): Promise<string[]> {
  const run = async (command: string, ...args: string[]) => (await agent.netns.run(command, args)).trim().split('\n');
  const links: { ifname: string }[] = JSON.parse(await agent.netns.run('ip', ['-json', 'link']));
  const held = new Map<string, string>();
  for (const line of readFileSync(join(agent.stateDirectory, 'ipam.journal'), 'utf8').trim().split('\n')) {
    const record = JSON.parse(line.slice(9)); // after the checksum
    if (record.type === 'assign') held.set(record.handle, String(record.addresses));
    if (record.type === 'release') held.delete(record.handle);
  }
  return [
    ...links.map(({ ifname }) => `interface ${ifname}`),
    ...(await run('ip', 'route')).map((line) => `route ${line.trim()}`),
    ...(await run('ip', 'neigh', 'show', 'nud', 'permanent')).map((line) => `neighbour ${line}`),
    // Those of no pod in particular come and go with the first and the last.
    ...(await run('iptables-save')).filter((line) => /cara-[ft]w-/.test(line)).map((line) => `rule ${line}`),
    ...[...held].map(([handle, addresses]) => `journal ${handle} ${addresses}`),
    ...(existsSync(agent.spool) ? readdirSync(agent.spool) : []).map((name) => `spooled ${name}`),
  ];
}
