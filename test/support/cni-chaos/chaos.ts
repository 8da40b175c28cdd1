// ADD or DEL of many containers at once, in the middle of which somebody is killed at a step; what a runtime would do follows, and then
// nothing may be left.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareLoneAgent } from '../lone-agent.ts';
import { createNetns, type Netns } from '../netns.ts';
import { onlyPermitted, startEavesdropper } from './eavesdropper.ts';
import type { Fault } from './faults.ts';
import { differences, footprint, heldAddresses, settleMs } from './footprint.ts';

export interface Chaos {
  /** Answers with what was wrong afterwards. */
  round(fault: Fault): Promise<string[]>;
  /** Answers with what was heard on forbidden paths all the while. */
  end(): Promise<string[]>;
}

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
}

interface Call {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

/** A node whose agent runs, and so many containers; all that is given to pods is tried to be used against policy meanwhile. */
export async function prepareChaos(containers: number): Promise<Chaos> {
  // Hardly larger than needed, so that whoever forgets who has an address soon gives it to another.
  const blockSize = 32 - Math.ceil(Math.log2(containers + 1));
  const agent = await prepareLoneAgent({
    config: { ipam: { restSeconds: 0 } },
    pools: [{ name: 'default', cidr: '10.65.0.0/16', block: `10.65.0.0/${blockSize}`, spec: { blockSize } }],
    resources: [onlyPermitted],
  });
  const faultFile = join(agent.stateDirectory, '..', 'fault');
  const start = () => agent.start({ CARACAL_FAULT: faultFile });
  const namespaces: Netns[] = [];
  let rounds = 0;
  /** Containers that have a second sandbox in this round, after the ADD of the first failed. */
  const replaced = new Set<number>();

  const containerId = (pod: number) => `round-${rounds}-pod-${pod}${replaced.has(pod) ? '-again' : ''}`;

  function call(command: string, pod: number, options: { prevResult?: unknown; stubFault?: string } = {}): Call {
    const child = spawn('nsenter', [`--net=${agent.netns.path}`, '--', join(agent.cniBin, 'caracal')], {
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId(pod),
        CNI_NETNS: namespaces[pod].path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: agent.cniBin,
        ...(options.stubFault && { CARACAL_STUB_FAULT: options.stubFault }),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stdin?.on('error', () => {});
    const { prevResult } = options;
    child.stdin?.end(
      JSON.stringify({ cniVersion: '1.1.0', name: 'chaos', type: 'caracal', ...(prevResult ? { prevResult } : {}) }),
    );
    return {
      child,
      outcome: new Promise((resolve) => child.once('close', (exitCode) => resolve({ exitCode, stdout }))),
    };
  }

  const all = (command: string, stubFault?: string): Promise<Outcome[]> =>
    Promise.all(namespaces.map((_, pod) => call(command, pod, { stubFault: pod % 2 ? undefined : stubFault }).outcome));

  async function round({ victim, command, step, pod, agentAway }: Fault): Promise<string[]> {
    rounds++;
    replaced.clear();
    const wrong: string[] = [];
    if (command === 'DEL') {
      for (const { exitCode, stdout } of await all('ADD'))
        if (exitCode !== 0) wrong.push(`ADD before the DEL: ${stdout}`);
    }
    if (agentAway) await agent.stop('SIGKILL');
    const count = { first: 1, middle: Math.ceil(containers / 2), last: containers }[pod];
    if (victim !== 'stub') writeFileSync(faultFile, `${victim} ${count} ${step}`);
    const answers = await all(command, victim === 'stub' ? step : undefined);
    if (victim === 'stub' && !answers.some(({ exitCode }) => exitCode === null))
      wrong.push('the step was never reached');
    if (victim !== 'stub' && !(await isGone(faultFile))) {
      wrong.push('the step was never reached');
      rmSync(faultFile, { force: true });
    }
    if (victim === 'agent' || agentAway) {
      await agent.stop('SIGKILL');
      ageSpool();
      await start();
    }

    // Of an ADD that was answered to nobody the agent knows nothing more; one that an agent's end cut off ends with the DEL.
    const takenBack = victim === 'worker' || (victim === 'stub' && !['answered', 'printed'].includes(step));
    if (command === 'ADD' && takenBack) wrong.push(...(await checkFailed(answers)));
    if (command === 'ADD') wrong.push(...(await checkStanding(await replaceFailed(answers, wrong))));
    else if (victim === 'agent' || agentAway) {
      for (const { exitCode, stdout } of answers)
        if (exitCode !== 0 && exitCode !== null) wrong.push(`DEL without an agent: ${stdout}`);
    }
    // Whatever ADD or DEL said or could not say: a runtime calls DEL until it succeeds.
    for (const { exitCode, stdout } of await all('DEL')) if (exitCode !== 0) wrong.push(`the last DEL: ${stdout}`);
    wrong.push(...(await differences(agent, before)));
    for (const netns of namespaces) wrong.push(...(await leftInside(netns)));
    return wrong;
  }

  /** What a runtime does when an ADD has failed: DEL, and a sandbox of another name. All of them stand then. */
  async function replaceFailed(answers: readonly Outcome[], wrong: string[]): Promise<Outcome[]> {
    return Promise.all(
      answers.map(async (answer, pod) => {
        if (answer.exitCode === 0) return answer;
        const deleted = await call('DEL', pod).outcome;
        if (deleted.exitCode !== 0) wrong.push(`DEL after a failed ADD: ${deleted.stdout}`);
        replaced.add(pod);
        const added = await call('ADD', pod).outcome;
        if (added.exitCode !== 0) wrong.push(`ADD after a failed one: ${added.stdout}`);
        return added;
      }),
    );
  }

  /** ADDs that failed or were abandoned, while the agent lives, leave nothing behind, before any DEL. */
  async function checkFailed(answers: readonly Outcome[]): Promise<string[]> {
    const failed = [...answers.entries()].flatMap(([pod, { exitCode }]) => (exitCode === 0 ? [] : [pod]));
    for (const deadline = Date.now() + settleMs; ; await sleep(50)) {
      const journal = heldAddresses(agent);
      const left: string[] = [];
      for (const pod of failed) {
        left.push(...(await leftInside(namespaces[pod])));
        const handle = `chaos/${containerId(pod)}/eth0`;
        if (journal.has(handle)) left.push(`left in the journal: ${handle}`);
      }
      if (left.length === 0 || Date.now() > deadline) return left.map((what) => `by a failed ADD: ${what}`);
    }
  }

  async function leftInside(netns: Netns): Promise<string[]> {
    const links: { ifname: string }[] = JSON.parse(await netns.run('ip', ['-json', 'link']));
    return links.length === 1 ? [] : [`left in a container: ${links.map(({ ifname }) => ifname)}`];
  }

  /** As if what lies in the spool had been written long ago. */
  function ageSpool(): void {
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const name of existsSync(agent.spool) ? readdirSync(agent.spool) : [])
      utimesSync(join(agent.spool, name), longAgo, longAgo);
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
      const checked = await call('CHECK', pod, { prevResult: result }).outcome;
      if (checked.exitCode !== 0) wrong.push(`CHECK of an ADD that succeeded: ${checked.stdout}`);
    }
    return wrong;
  }

  async function remove(): Promise<void> {
    await agent.remove();
    for (const netns of namespaces) await netns.remove();
  }

  /** Who dies takes the file with it; a step that comes after the answer may be reached after it was read here. */
  async function isGone(file: string): Promise<boolean> {
    for (const deadline = Date.now() + settleMs; existsSync(file); await sleep(20))
      if (Date.now() > deadline) return false;
    return true;
  }

  let before: string[] = [];
  try {
    for (let i = 0; i < containers; i++) namespaces.push(await createNetns('chaos'));
    const eavesdropper = await startEavesdropper(agent, '10.65.0', namespaces);
    await start();
    // What the first pod of all makes and the last leaves is no leak.
    await all('ADD');
    await all('DEL');
    before = (await footprint(agent)).filter((line) => !line.includes('chaos/'));
    return {
      round,
      end: async () => {
        const wrong = await eavesdropper.end();
        await remove();
        return wrong;
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
