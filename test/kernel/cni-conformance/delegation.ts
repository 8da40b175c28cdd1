import { type Delegate, withDelegate } from './delegate.ts';
import type { Row } from './row.ts';
import { type Call, type CniResult, demand, failure, nothing, success, type Trial } from './subject.ts';

/** Section 4 "Plugin Delegation", and what section 2 asks of a plugin that delegates. */

/** The call with a configuration that has this in it as well. */
const having = ({ call }: Delegate, more: object) => ({ ...call, configuration: { ...call.configuration, ...more } });

function demandExecuted(delegate: Delegate, ...commands: string[]): void {
  const executed = delegate.executions().map(({ command }) => command);
  demand(String(executed) === String(commands), `executed for ${executed}, not ${commands}`);
}

const added = async (t: Trial, { call }: Delegate): Promise<CniResult> => success(await t.call('ADD', call));

/** ADD, CHECK and DEL of one attachment, as a runtime calls them. */
async function throughLife(t: Trial, call: Call): Promise<CniResult> {
  const prevResult = await t.add(call);
  const later = { ...call, configuration: { ...call.configuration, prevResult } };
  for (const command of ['CHECK', 'DEL']) nothing(await t.call(command, later));
  return prevResult;
}

export const delegation: readonly Row[] = [
  {
    id: 'delegate-environment',
    section: 'Delegated Plugin protocol: "must receive all the same environment variables"',
    says: 'the delegated plugin sees the variables of the protocol as the plugin got them, in every operation',
    level: 'must',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const CNI_ARGS = 'IgnoreUnknown=1;K8S_POD_NAME=a';
        const call = { ...delegate.call, env: { ...delegate.call.env, CNI_ARGS } };
        await throughLife(t, call);
        const wanted = { CNI_CONTAINERID: t.containerId, CNI_IFNAME: 'eth0', CNI_ARGS };
        const netns = { CNI_NETNS: (await t.pod()).path, CNI_PATH: delegate.call.env?.CNI_PATH };
        demandExecuted(delegate, 'ADD', 'CHECK', 'DEL');
        for (const { command, environment } of delegate.executions()) {
          for (const [name, value] of Object.entries({ ...wanted, ...netns })) {
            demand(environment[name] === value, `${command}: ${name} is ${environment[name]}, not ${value}`);
          }
        }
      }),
  },
  {
    id: 'delegate-configuration',
    section: 'Delegated Plugin protocol: "the complete network configuration"',
    says: 'in every operation the delegated plugin gets all of the configuration, fields that the plugin does not know included',
    level: 'must',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const given = having(delegate, { dns: { nameservers: ['192.0.2.53'] } });
        const prevResult = await throughLife(t, given);
        demandExecuted(delegate, 'ADD', 'CHECK', 'DEL');
        for (const { command, stdin } of delegate.executions()) {
          const more = command === 'ADD' ? {} : { prevResult };
          const wanted = JSON.stringify(t.configuration({ ...given.configuration, ...more }));
          demand(JSON.stringify(JSON.parse(stdin)) === wanted, `for ${command} it got ${stdin}`);
        }
      }),
  },
  {
    id: 'delegate-result',
    section: 'Plugin Delegation: "return this information to the "main" plugin to apply"',
    says: 'the interface has the address that the delegated plugin gives',
    level: 'must',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const { ips } = await added(t, delegate);
        demand(ips[0].address.startsWith('198.18.7.7/'), `the result has ${ips[0].address}`);
        demand((await t.addresses()).includes(ips[0].address), 'the container does not have it');
      }),
  },
  {
    id: 'delegate-not-found',
    section: 'Delegated plugin execution procedure: "searching the directories provided in CNI_PATH"',
    says: 'a plugin that is in none of them is an error, and a name that leads out of them finds none',
    level: 'should',
    test: async (t) => {
      for (const type of ['no-such-plugin', '../../../../bin/true', '/bin/true']) {
        failure(await t.call('ADD', { configuration: { ipam: { type } } }));
      }
    },
  },
  {
    id: 'delegate-stderr',
    section: 'Delegated plugin execution procedure: "stderr is output to the calling plugin\'s stderr"',
    says: 'what the delegated plugin says on standard error comes out on ours',
    level: 'should',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const { stderr } = await t.call('ADD', delegate.call);
        demand(stderr.includes(delegate.said), `standard error is: ${stderr}`);
      }),
  },
  {
    id: 'delegate-del',
    section: 'Delegated plugin execution procedure: "must also execute any delegated plugins"',
    says: 'DEL executes it, and its error is an error',
    level: 'must',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        await added(t, delegate);
        delegate.fail('DEL', 104);
        failure(await t.call('DEL', delegate.call));
        delegate.succeed();
        nothing(await t.call('DEL', delegate.call));
        demandExecuted(delegate, 'ADD', 'DEL', 'DEL');
      }),
  },
  {
    id: 'delegate-check',
    section: 'CHECK: "should call CHECK on any delegated (e.g. IPAM) plugins and pass any errors on"',
    says: 'CHECK executes it, and its error is an error',
    level: 'must',
    since: '0.4.0',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const prevResult = await added(t, delegate);
        nothing(await t.call('CHECK', having(delegate, { prevResult })));
        delegate.fail('CHECK', 104);
        failure(await t.call('CHECK', having(delegate, { prevResult })));
        demandExecuted(delegate, 'ADD', 'CHECK', 'CHECK');
      }),
  },
  {
    id: 'delegate-add-fails',
    section: 'Delegated plugin execution procedure: "should execute again with DEL before returning failure"',
    says: 'an ADD of it that fails is undone by a DEL of it, and fails; no interface is left',
    level: 'should',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const before = await t.hostLinks();
        delegate.fail('ADD', 104);
        failure(await t.call('ADD', delegate.call));
        demandExecuted(delegate, 'ADD', 'DEL');
        demand((await t.link('eth0')) === undefined, 'the interface is there');
        demand(String(await t.hostLinks()) === String(before), 'an interface was left on the host');
      }),
  },
  {
    id: 'delegate-undone',
    section: 'Delegated plugin execution procedure: "execute again with DEL"',
    says: 'an ADD that fails after it has given its address gives that back',
    level: 'should',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        await (await t.pod()).run('ip', ['link', 'add', 'eth0', 'type', 'bridge']);
        failure(await t.call('ADD', delegate.call));
        demandExecuted(delegate, 'ADD', 'DEL');
      }),
  },
  {
    id: 'delegate-status',
    section: 'STATUS: "must also execute a STATUS request to that plugin"; "should return an error result"',
    says: 'STATUS asks it, and what it lacks is lacking; an ADD is served all the same',
    level: 'must',
    since: '1.1.0',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        nothing(await t.call('STATUS', delegate.call));
        delegate.fail('STATUS', 50);
        failure(await t.call('STATUS', delegate.call), 50);
        demandExecuted(delegate, 'STATUS', 'STATUS');
        await added(t, delegate);
      }),
  },
  {
    id: 'delegate-gc',
    section: 'GC: "MUST, additionally, forward any GC calls to delegated plugins"',
    says: 'GC executes it, with the list',
    level: 'must',
    since: '1.1.0',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const list = { 'cni.dev/valid-attachments': [{ containerID: 'none', ifname: 'eth0' }] };
        nothing(await t.call('GC', having(delegate, list)));
        demandExecuted(delegate, 'GC');
        demand(delegate.executions()[0].stdin.includes('"containerID":"none"'), 'it did not get the list');
      }),
  },
  {
    id: 'gc-continues',
    section: 'GC: "removing as many resources as possible, and report the errors back to the runtime"',
    says: 'an error of the delegated plugin is reported, and what is stale is removed all the same',
    level: 'should',
    since: '1.1.0',
    test: (t) =>
      withDelegate(t, async (delegate) => {
        const before = await t.hostLinks();
        await added(t, delegate);
        delegate.fail('GC', 104);
        failure(await t.call('GC', having(delegate, { 'cni.dev/valid-attachments': [] })));
        demand(String(await t.hostLinks()) === String(before), 'the stale interface is still on the host');
      }),
  },
  {
    id: 'ipam-abbreviated',
    section: 'Delegated plugins (IPAM): "must return an abbreviated Success object"',
    says: "the result of the subject's own IPAM plugin has addresses, but neither interfaces nor indices of them",
    level: 'must',
    test: async (t) => {
      const result = success(await t.callIpam('ADD'));
      demand(result.cniVersion === t.version, `cniVersion is ${result.cniVersion}, not ${t.version}`);
      demand(result.interfaces === undefined, 'it has interfaces');
      demand(/^[\d.]+\/\d+$/.test(result.ips[0]?.address), `ips: ${JSON.stringify(result.ips)}`);
      demand(!('interface' in result.ips[0]), 'an address has the index of an interface');
      demand((await t.link('eth0')) === undefined, 'it has made an interface');
    },
  },
  {
    id: 'ipam-netns-gone',
    section: 'DEL: "an IPAM plugin should generally release an IP allocation and return success"',
    says: 'DEL of the IPAM plugin succeeds when the namespace is gone, again, and for what never was; the address is free',
    level: 'should',
    test: async (t) => {
      const env = { CNI_NETNS: '/run/netns/no-such-namespace' };
      for (let i = 0; i < 2; i++) {
        success(await t.callIpam('ADD'));
        for (let n = 0; n < 2; n++) nothing(await t.callIpam('DEL', { env }));
        failure(await t.callIpam('CHECK'));
      }
    },
  },
];
