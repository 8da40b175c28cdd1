import type { Row } from './row.ts';
import { type CniResult, demand, failure, nothing, type Trial } from './subject.ts';

/** Section 2: CHECK, STATUS, VERSION and GC. */

const check = (trial: Trial, prevResult: CniResult) => trial.call('CHECK', { configuration: { prevResult } });

async function checkAfter(trial: Trial, ...command: string[]): Promise<void> {
  const prevResult = await trial.add();
  await (await trial.pod()).run('ip', command);
  failure(await check(trial, prevResult));
}

export const probes: readonly Row[] = [
  {
    id: 'check-succeeds',
    section: 'CHECK: "called immediately after an ADD"',
    says: 'succeeds right after ADD, and prints nothing',
    level: 'must',
    since: '0.4.0',
    test: async (t) => nothing(await check(t, await t.add())),
  },
  {
    id: 'check-needs-prev-result',
    section: 'CHECK: "must consult the prevResult"',
    says: 'without a prevResult there is nothing to check against: an error',
    level: 'must',
    since: '0.4.0',
    test: async (t) => {
      await t.add();
      failure(await t.call('CHECK'), undefined, 'prevResult');
    },
  },
  {
    id: 'check-consults',
    section: 'CHECK: "must consult the prevResult"',
    says: 'an address that prevResult lists and the container lacks is an error',
    level: 'must',
    since: '0.4.0',
    test: async (t) => {
      const prevResult = await t.add();
      const ips = prevResult.ips.map((ip) => ({ ...ip, address: '192.0.2.77/32' }));
      failure(await check(t, { ...prevResult, ips }));
    },
  },
  {
    id: 'check-interface',
    section: 'CHECK: "but is missing or in an invalid state"',
    says: 'an interface that is missing is an error',
    level: 'should',
    since: '0.4.0',
    test: (t) => checkAfter(t, 'link', 'delete', 'eth0'),
  },
  {
    id: 'check-address',
    section: 'CHECK: "but is missing or in an invalid state"',
    says: 'an address that is missing is an error',
    level: 'should',
    since: '0.4.0',
    test: (t) => checkAfter(t, 'address', 'flush', 'dev', 'eth0'),
  },
  {
    id: 'check-route',
    section: 'CHECK: "but is missing or in an invalid state"',
    says: 'a route that is missing is an error',
    level: 'should',
    since: '0.4.0',
    test: (t) => checkAfter(t, 'route', 'delete', 'default'),
  },
  {
    id: 'check-mac',
    section: 'CHECK: "but is missing or in an invalid state"',
    says: 'a MAC address other than that of prevResult is an error',
    level: 'should',
    since: '0.4.0',
    test: async (t) => {
      const prevResult = await t.add();
      const interfaces = prevResult.interfaces.map((each) =>
        each.sandbox ? { ...each, mac: '02:00:00:00:00:99' } : each,
      );
      failure(await check(t, { ...prevResult, interfaces }));
    },
  },
  {
    id: 'check-unreachable',
    section: 'CHECK: "aware of a condition where the container is generally unreachable"',
    says: 'an interface that is down is an error',
    level: 'should',
    since: '0.4.0',
    test: (t) => checkAfter(t, 'link', 'set', 'eth0', 'down'),
  },
  {
    id: 'check-later-plugin',
    section: 'CHECK: "must allow for a later chained plugin to have modified networking resources"',
    says: 'further routes, addresses and another MAC that prevResult knows of are no error',
    level: 'must',
    since: '0.4.0',
    test: async (t) => {
      const prevResult = await t.add();
      const pod = await t.pod();
      await pod.run('ip', ['link', 'set', 'eth0', 'address', '02:00:00:00:00:42']);
      await pod.run('ip', ['address', 'add', '192.0.2.9/32', 'dev', 'eth0']);
      await pod.run('ip', ['route', 'add', 'unreachable', '192.0.2.128/25']);
      const interfaces = prevResult.interfaces.map((each) =>
        each.sandbox ? { ...each, mac: '02:00:00:00:00:42' } : each,
      );
      nothing(await check(t, { ...prevResult, interfaces }));
      await t.subject.node.run('ping', ['-c', '1', '-W', '5', prevResult.ips[0].address.split('/')[0]]);
    },
  },
  {
    id: 'check-route-moved',
    section: 'CHECK: "must allow for a later chained plugin to have modified networking resources, e.g. routes"',
    says: 'routes that a later plugin has moved to a table of their own, as sbr does, are no error',
    level: 'must',
    since: '0.4.0',
    test: async (t) => {
      const prevResult = await t.add();
      const pod = await t.pod();
      const gateway = prevResult.ips[0].gateway!;
      await pod.run('ip', ['route', 'delete', 'default']);
      await pod.run('ip', ['route', 'add', 'default', 'via', gateway, 'dev', 'eth0', 'onlink', 'table', '100']);
      nothing(await check(t, prevResult));
    },
  },
  {
    id: 'check-reservation',
    section: 'CHECK: "IP reservations"',
    says: 'a container that was never added is an error',
    level: 'should',
    since: '0.4.0',
    test: async (t) => {
      const prevResult = await t.add();
      const configuration = { prevResult };
      failure(await t.call('CHECK', { env: { CNI_CONTAINERID: `${t.containerId}x` }, configuration }));
    },
  },
  {
    id: 'check-version',
    section: 'Released versions: 0.4.0 brought CHECK',
    says: 'CHECK of a configuration before 0.4.0 is code 1',
    level: 'must',
    since: '0.4.0',
    test: async (t) => {
      const prevResult = await t.add();
      failure(await t.call('CHECK', { configuration: { prevResult, cniVersion: '0.3.1' } }), 1);
    },
  },
  {
    id: 'status-ready',
    section: 'STATUS: "must exit with a zero return code if the plugin is ready"',
    says: 'succeeds when an ADD would, needs no attachment, and prints nothing',
    level: 'must',
    since: '1.1.0',
    test: async (t) => {
      const env = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined };
      nothing(await t.call('STATUS', { env }));
      nothing(await t.call('STATUS', { env: { ...env, CNI_PATH: undefined } }));
    },
  },
  {
    id: 'status-version',
    section: 'STATUS',
    says: 'STATUS of a configuration before 1.1.0 is code 1',
    level: 'must',
    since: '1.1.0',
    test: async (t) => void failure(await t.call('STATUS', { configuration: { cniVersion: '1.0.0' } }), 1),
  },
  {
    id: 'version-echo',
    section: 'VERSION Success: cniVersion',
    says: 'is the version of the input',
    level: 'must',
    test: async (t) => {
      for (const cniVersion of t.subject.versions) {
        const { json, exitCode } = await t.call('VERSION', { stdin: JSON.stringify({ cniVersion }) });
        demand(exitCode === 0, `exit code ${exitCode}`);
        const answer = json as { cniVersion?: string } | undefined;
        demand(answer?.cniVersion === cniVersion, `cniVersion is ${answer?.cniVersion}, not ${cniVersion}`);
      }
    },
  },
  {
    id: 'version-list',
    section: 'VERSION Success: supportedVersions',
    says: 'lists what the plugin supports, and needs no variable but CNI_COMMAND',
    level: 'must',
    test: async (t) => {
      const env = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined, CNI_PATH: undefined };
      const { json } = await t.call('VERSION', { env, stdin: JSON.stringify({ cniVersion: t.version }) });
      const list = (json as { supportedVersions?: unknown } | undefined)?.supportedVersions;
      demand(Array.isArray(list), `supportedVersions: ${JSON.stringify(list)}`);
      for (const version of t.subject.versions) demand(list.includes(version), `${version} is not listed`);
    },
  },
  {
    id: 'version-undecodable',
    section: 'Error: code 6, "failed to decode version info"',
    says: 'an input without a version is code 6',
    level: 'should',
    test: async (t) => {
      for (const stdin of ['no JSON', '{"cniVersion": "one"}']) failure(await t.call('VERSION', { stdin }), 6);
    },
  },
  {
    id: 'gc-removes',
    section: 'GC: "should remove any IPAM reservations … not in the provided list"',
    says: 'what is not listed is removed, what is listed stays; nothing is printed',
    level: 'should',
    since: '1.1.0',
    test: async (t) => {
      const kept = await t.add();
      const before = await t.hostLinks();
      const other = await t.namespace();
      await t.add({ env: { CNI_CONTAINERID: `${t.containerId}-stale`, CNI_NETNS: other.path } });
      // What other rows hold at the same time would be stale as well.
      const valid = [{ containerID: t.containerId, ifname: 'eth0' }];
      nothing(await t.call('GC', { configuration: { 'cni.dev/valid-attachments': valid } }));
      demand(String(await t.hostLinks()) === String(before), 'the stale interface is still on the host');
      demand((await t.addresses()).includes(kept.ips[0].address), 'the valid attachment lost its address');
      nothing(await check(t, kept));
    },
  },
  {
    id: 'gc-other-networks',
    section: 'Garbage-collecting a network',
    says: 'attachments of another network stay',
    level: 'must',
    since: '1.1.0',
    test: async (t) => {
      const kept = await t.add({ configuration: { name: 'another' } });
      nothing(await t.call('GC', { configuration: { 'cni.dev/valid-attachments': [] } }));
      nothing(await t.call('CHECK', { configuration: { name: 'another', prevResult: kept } }));
    },
  },
  {
    id: 'gc-path',
    section: 'GC: Required environment parameters; Error: code 4',
    says: 'GC needs CNI_PATH, and nothing of an attachment',
    level: 'must',
    since: '1.1.0',
    test: async (t) => {
      const configuration = { 'cni.dev/valid-attachments': [] };
      const env = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined };
      nothing(await t.call('GC', { env, configuration }));
      failure(await t.call('GC', { env: { ...env, CNI_PATH: undefined }, configuration }), 4, 'CNI_PATH');
    },
  },
  {
    id: 'gc-list',
    section: 'GC: Input',
    says: 'without the list of valid attachments nothing is removed: an error',
    level: 'must',
    since: '1.1.0',
    test: async (t) => {
      const kept = await t.add();
      failure(await t.call('GC'), 7, 'cni.dev/valid-attachments');
      nothing(await check(t, kept));
    },
  },
  {
    id: 'gc-keys',
    section: 'GC: Input (cni.dev/attachments in the text as released, cni.dev/valid-attachments from libcni)',
    says: 'the list is read under either key; what one of them lists stays, whatever the other says',
    level: 'must',
    since: '1.1.0',
    test: async (t) => {
      const kept = await t.add();
      const before = await t.hostLinks();
      const valid = [{ containerID: t.containerId, ifname: 'eth0' }];
      const other = await t.namespace();
      for (const lists of [
        { 'cni.dev/valid-attachments': valid },
        { 'cni.dev/attachments': valid },
        { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': valid },
        { 'cni.dev/valid-attachments': [], 'cni.dev/attachments': valid },
      ]) {
        await t.add({ env: { CNI_CONTAINERID: `${t.containerId}-stale`, CNI_NETNS: other.path } });
        nothing(await t.call('GC', { configuration: lists }));
        const keys = Object.keys(lists).join(' and ');
        demand(String(await t.hostLinks()) === String(before), `${keys}: the hosts' interfaces are other than before`);
        nothing(await check(t, kept));
      }
    },
  },
  {
    id: 'gc-null',
    section: 'GC: Input',
    says: 'the empty list of a runtime in Go, which is null in JSON, is a list: everything of the network is stale',
    level: 'habit',
    since: '1.1.0',
    test: async (t) => {
      const before = await t.hostLinks();
      await t.add();
      nothing(await t.call('GC', { configuration: { 'cni.dev/valid-attachments': null } }));
      demand(String(await t.hostLinks()) === String(before), 'the stale interface is still on the host');
    },
  },
  {
    id: 'gc-version',
    section: 'GC',
    says: 'GC of a configuration before 1.1.0 is code 1',
    level: 'must',
    since: '1.1.0',
    test: async (t) => {
      const configuration = { cniVersion: '1.0.0', 'cni.dev/valid-attachments': [] };
      failure(await t.call('GC', { configuration }), 1);
    },
  },
];
