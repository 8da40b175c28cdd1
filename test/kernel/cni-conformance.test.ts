import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { warmThreadPool } from '@caracal/netlink';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { createNetns, type Netns } from '../support/netns.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { delegation } from './cni-conformance/delegation.ts';
import { delegationFaults } from './cni-conformance/faults-of-delegation.ts';
import { operationFaults } from './cni-conformance/faults-of-operations.ts';
import { parameterFaults } from './cni-conformance/faults-of-parameters.ts';
import { resultFaults } from './cni-conformance/faults-of-results.ts';
import { operations } from './cni-conformance/operations.ts';
import { parameters } from './cni-conformance/parameters.ts';
import { probes } from './cni-conformance/probes.ts';
import { results } from './cni-conformance/results.ts';
import type { Row } from './cni-conformance/row.ts';
import { ptp, removeSpare, type Subject, Trial } from './cni-conformance/subject.ts';
import { unseen } from './cni-conformance/unseen.ts';

/**
 * The CNI specification 1.1.0, a row for each sentence that binds a plugin: ours keeps all of them; another plugin, which we did not
 * write, keeps those that we know of it; and faults put in on purpose are caught, so that a row that passes means something.
 */

const rows: readonly Row[] = [...parameters, ...operations, ...probes, ...results, ...delegation, ...unseen];

const faults = [...parameterFaults, ...operationFaults, ...resultFaults, ...delegationFaults];

/** What version 1.1.1 of the plugins does otherwise. */
const brokenByPtp = [
  'command-missing', // prints its versions and exits with 0
  'container-id-named', // "invalid characters in containerID"
  'netns-of-the-host', // ADD makes both ends on the host
  'path-optional', // required always
  'error-version', // no cniVersion in errors
  'add-second-interface', // the route to its gateway exists
  'add-prev-result', // forgotten
  'del-one-of-two', // there is no second
  'del-after-refusal', // does not read such a configuration at all
  'check-route-moved', // looks in the main table alone
  'version-echo', // always 1.0.0
  'version-undecodable', // does not read its input
  'result-second-default-route', // there is no second
  'delegate-add-fails', // no DEL
];

let agent: LoneAgent;
let ptpNode: Netns;
let folder: string;

const ours = (): Subject => ({
  name: 'caracal',
  program: join(agent.cniBin, 'caracal'),
  path: agent.cniBin,
  node: agent.netns,
  startedInNode: false,
  versions: ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  configuration: { type: 'caracal' },
  unsupported: { key: 'ipMasq', value: true },
  ipam: {
    program: join(agent.cniBin, 'caracal-ipam'),
    configuration: { type: 'bridge', ipam: { type: 'caracal-ipam' } },
  },
});

beforeAll(async () => {
  await warmThreadPool();
  folder = makeTemporaryFolder('conformance');
  agent = await prepareLoneAgent();
  await agent.start();
  ptpNode = await createNetns('ptp');
});

afterAll(async () => {
  await removeSpare();
  await agent?.remove();
  await ptpNode?.remove();
  removeTemporaryFolder(folder);
});

/** What is wrong; undefined when the row holds. */
async function complaint(row: Row, subject: Subject): Promise<string | undefined> {
  const trial = new Trial(subject);
  try {
    await row.test(trial);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await trial.end();
  }
}

const applies = ({ since }: Row, { versions }: Subject) => !since || versions.includes(since);

test('every row has an id of its own, and is one that a fault or another plugin does not keep', () => {
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  const seenToFail = new Set([...brokenByPtp, ...faults.map(({ caughtBy }) => caughtBy)]);
  expect(rows.map(({ id }) => id).filter((id) => !seenToFail.has(id))).toEqual([]);
});

describe('caracal', () => {
  test.each(rows)('$section: $says ($id)', async (row) => {
    expect(await complaint(row, ours())).toBeUndefined();
  });
});

test('ptp with host-local, which we did not write, keeps all rows but those that it is known not to', async () => {
  const subject = ptp(ptpNode, join(folder, 'ptp'));
  const broken: string[] = [];
  for (const row of rows.filter((each) => applies(each, subject))) {
    if (await complaint(row, subject)) broken.push(row.id);
  }
  expect(broken).toEqual(brokenByPtp);
}, 240_000);

describe('a fault put in on purpose is caught by the row that it is for', () => {
  test.each(faults)('$name ($caughtBy)', async ({ name, caughtBy, script, ipam }) => {
    const subject = ours();
    const real = ipam ? subject.ipam.program : subject.program;
    const bin = join(folder, name.replace(/\W+/g, '-'));
    mkdirSync(bin);
    const program = join(bin, basename(real));
    writeFileSync(program, `#!/bin/sh\nREAL=${real}\nNODE=${agent.netns.path}\n${script}\n`);
    chmodSync(program, 0o755);
    // A script that is no script would be caught by any row.
    await execa('sh', ['-n', program]);
    const faulty = ipam ? { ...subject, ipam: { ...subject.ipam, program } } : { ...subject, program };
    const row = rows.find(({ id }) => id === caughtBy);
    expect(await complaint(row!, { ...faulty, name })).toBeTypeOf('string');
  });
});
