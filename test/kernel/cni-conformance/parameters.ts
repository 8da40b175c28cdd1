import { readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from './row.ts';
import { demand, failure, nothing, success } from './subject.ts';

const commandsOfAttachments = ['ADD', 'DEL', 'CHECK'] as const;

/** Sections 1 "Network configuration format" and 2 "Parameters", "Errors". */
export const parameters: readonly Row[] = [
  {
    id: 'name-missing',
    section: 'Configuration format: name',
    says: 'every configuration has a name',
    level: 'must',
    test: async (t) => void failure(await t.call('ADD', { configuration: { name: undefined } }), 7),
  },
  {
    id: 'name-invalid',
    section: 'Configuration format: name',
    says: 'a name starts with a letter or digit and holds letters, digits, "_", "." and "-"',
    level: 'must',
    test: async (t) => {
      for (const name of ['-a', 'a b', 'a/b', '.a', 'ü']) failure(await t.call('ADD', { configuration: { name } }), 7);
    },
  },
  {
    id: 'name-valid',
    section: 'Configuration format: name',
    says: 'all of those characters are accepted',
    level: 'must',
    test: async (t) => void (await t.add({ configuration: { name: '0A_b.c-d' } })),
  },
  {
    id: 'version-unsupported',
    section: 'Error: code 1',
    says: 'a version that is not supported is code 1',
    level: 'must',
    test: async (t) => {
      for (const cniVersion of ['9.0.0', '0.0.1']) failure(await t.call('ADD', { configuration: { cniVersion } }), 1);
    },
  },
  {
    id: 'args-ignored',
    section: 'Reserved keys: args; CONVENTIONS.md, "args"',
    says: 'what a plugin does not understand in args it ignores',
    level: 'should',
    test: async (t) => void (await t.add({ configuration: { args: { 'example.org': { a: [1] }, cni: { x: {} } } } })),
  },
  {
    id: 'reserved-keys',
    section: 'Reserved keys: cni.dev/',
    says: "keys of the protocol's own do no harm",
    level: 'must',
    test: async (t) => void (await t.add({ configuration: { 'cni.dev/unheard-of': 1 } })),
  },
  {
    id: 'runtime-config-ignored',
    section: 'Deriving runtimeConfig',
    says: 'a capability that the plugin does not know does no harm',
    level: 'should',
    test: async (t) => void (await t.add({ configuration: { runtimeConfig: { aliases: ['a'], unheardOf: {} } } })),
  },
  {
    id: 'command-unknown',
    section: 'Parameters: CNI_COMMAND; Error: code 4',
    says: 'an operation that does not exist is code 4, and the variable is named',
    level: 'must',
    test: async (t) => {
      for (const command of ['add', 'ADDD']) failure(await t.call(command), 4, 'CNI_COMMAND');
    },
  },
  {
    id: 'command-missing',
    section: 'Parameters: CNI_COMMAND; Error: code 4',
    says: 'no operation is code 4, and the variable is named',
    level: 'must',
    test: async (t) => void failure(await t.call('', { env: { CNI_COMMAND: undefined } }), 4, 'CNI_COMMAND'),
  },
  {
    id: 'container-id-missing',
    section: 'Parameters: CNI_CONTAINERID; Error: code 4',
    says: 'ADD, DEL and CHECK need it, not empty; the variable is named',
    level: 'must',
    test: async (t) => {
      for (const command of commandsOfAttachments) {
        for (const CNI_CONTAINERID of [undefined, '']) {
          failure(await t.call(command, { env: { CNI_CONTAINERID } }), 4, 'CNI_CONTAINERID');
        }
      }
    },
  },
  {
    id: 'container-id-invalid',
    section: 'Parameters: CNI_CONTAINERID; Error: code 4',
    says: 'it starts with a letter or digit and holds letters, digits, "_", "." and "-"',
    level: 'must',
    test: async (t) => {
      for (const CNI_CONTAINERID of ['-a', '.a', '_a', 'a/b', 'a b', 'a;b', '../a', 'é']) {
        failure(await t.call('ADD', { env: { CNI_CONTAINERID } }), 4);
      }
    },
  },
  {
    id: 'container-id-named',
    section: 'Error: code 4',
    says: 'the message of code 4 has the name of the invalid variable',
    level: 'must',
    test: async (t) => {
      failure(await t.call('ADD', { env: { CNI_CONTAINERID: 'a/b' } }), 4, 'CNI_CONTAINERID');
      failure(await t.call('ADD', { env: { CNI_IFNAME: 'a/b' } }), 4, 'CNI_IFNAME');
    },
  },
  {
    id: 'container-id-valid',
    section: 'Parameters: CNI_CONTAINERID',
    says: 'all of those characters are accepted',
    level: 'must',
    test: async (t) => void (await t.add({ env: { CNI_CONTAINERID: `0A_b.c-${t.containerId}` } })),
  },
  {
    id: 'ifname-missing',
    section: 'Parameters: CNI_IFNAME; Error: code 4',
    says: 'ADD, DEL and CHECK need it; the variable is named',
    level: 'must',
    test: async (t) => {
      for (const command of commandsOfAttachments) {
        failure(await t.call(command, { env: { CNI_IFNAME: undefined } }), 4, 'CNI_IFNAME');
      }
    },
  },
  {
    id: 'ifname-unusable',
    section: 'Parameters: CNI_IFNAME',
    says: 'a name that no interface can have is an error',
    level: 'must',
    test: async (t) => {
      const before = await t.hostLinks();
      for (const CNI_IFNAME of ['.', '..', 'a/b', 'a:b', 'a b', 'sixteen-letters.']) {
        failure(await t.call('ADD', { env: { CNI_IFNAME } }));
      }
      demand(String(await t.hostLinks()) === String(before), 'an interface was left on the host');
    },
  },
  {
    id: 'ifname-honoured',
    section: 'Parameters: CNI_IFNAME',
    says: 'the interface gets this name, of up to 15 characters',
    level: 'must',
    test: async (t) => {
      const CNI_IFNAME = 'fifteen-letters';
      await t.add({ env: { CNI_IFNAME } });
      demand((await t.link(CNI_IFNAME)) !== undefined, `no interface ${CNI_IFNAME} in the container`);
    },
  },
  {
    id: 'netns-missing',
    section: 'ADD, CHECK: Required environment parameters; Error: code 4',
    says: 'ADD and CHECK need CNI_NETNS; the variable is named',
    level: 'must',
    test: async (t) => {
      for (const command of ['ADD', 'CHECK'])
        failure(await t.call(command, { env: { CNI_NETNS: undefined } }), 4, 'CNI_NETNS');
    },
  },
  {
    id: 'netns-unusable',
    section: 'Parameters: CNI_NETNS; Errors',
    says: 'a path that is no network namespace is an error, and leaves nothing behind',
    level: 'must',
    test: async (t) => {
      const before = await t.hostLinks();
      for (const CNI_NETNS of ['/run/netns/there-is-none', '/etc/hostname', '/proc/self/ns/uts']) {
        failure(await t.call('ADD', { env: { CNI_NETNS } }));
      }
      demand(String(await t.hostLinks()) === String(before), 'an interface was left on the host');
    },
  },
  {
    id: 'netns-of-a-process',
    section: 'Parameters: CNI_NETNS ("e.g. /run/netns/[nsname]")',
    says: 'a path of another form is as good: that of a process, as runtimes without names for namespaces pass it',
    level: 'habit',
    test: async (t) => {
      const process = (await t.pod()).spawn('sleep', ['600']);
      const CNI_NETNS = `/proc/${process.pid}/ns/net`;
      // It is nsenter until it has entered.
      const entered = () => readlinkSync(CNI_NETNS) !== readlinkSync('/proc/self/ns/net');
      for (const deadline = Date.now() + 5_000; !entered() && Date.now() < deadline; ) await sleep(10);
      try {
        await t.add({ env: { CNI_NETNS } });
        demand((await t.link('eth0')) !== undefined, 'no interface in the container');
        nothing(await t.call('DEL', { env: { CNI_NETNS } }));
        demand((await t.link('eth0')) === undefined, 'the interface is still there');
      } finally {
        process.kill('SIGKILL');
      }
    },
  },
  {
    id: 'netns-of-the-host',
    section: 'Parameters: CNI_NETNS (libcni: "should not be the same")',
    says: "the host's own namespace is no container's: an error, and nothing is left in it",
    level: 'habit',
    test: async (t) => {
      const before = await t.hostLinks();
      failure(await t.call('ADD', { env: { CNI_NETNS: t.subject.node.path } }));
      demand(String(await t.hostLinks()) === String(before), 'an interface was left on the host');
    },
  },
  {
    id: 'all-missing-named',
    section: 'Error: code 4',
    says: 'several missing variables are all named',
    level: 'must',
    test: async (t) => {
      const env = { CNI_CONTAINERID: undefined, CNI_IFNAME: undefined, CNI_NETNS: undefined };
      failure(await t.call('ADD', { env }), 4, 'CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_NETNS');
    },
  },
  {
    id: 'path-optional',
    section: 'ADD, DEL: Optional environment parameters',
    says: 'CNI_PATH may be missing where nothing is delegated',
    level: 'must',
    test: async (t) => {
      const answer = await t.call('DEL', { env: { CNI_PATH: undefined } });
      demand(answer.exitCode === 0, `refused: ${answer.stdout}`);
    },
  },
  {
    id: 'args-of-runtimes',
    section: 'Parameters: CNI_ARGS',
    says: 'the arguments that runtimes pass are accepted',
    level: 'habit',
    test: async (t) => {
      const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_UID=d';
      await t.add({ env: { CNI_ARGS: args } });
    },
  },
  {
    id: 'args-malformed',
    section: 'Parameters: CNI_ARGS',
    says: 'what is no list of KEY=VALUE is an error',
    level: 'should',
    test: async (t) => void failure(await t.call('ADD', { env: { CNI_ARGS: 'novalue' } })),
  },
  {
    id: 'exit-codes',
    section: 'Errors',
    says: 'the exit code is 0 on success, and another on failure',
    level: 'must',
    test: async (t) => {
      success(await t.call('ADD'));
      const failed = await t.call('ADD', { env: { CNI_CONTAINERID: undefined } });
      demand(failed.exitCode !== 0, `exit code 0 of a failure: ${failed.stdout}`);
    },
  },
  {
    id: 'stdin-no-json',
    section: 'Error: code 6',
    says: 'a configuration that is no JSON is code 6',
    level: 'must',
    test: async (t) => {
      for (const stdin of ['no JSON', '{"cniVersion": "1.0.0",', '']) failure(await t.call('ADD', { stdin }), 6);
    },
  },
  {
    id: 'stdin-no-object',
    section: 'Configuration format; Error: code 6',
    says: 'a configuration is an object',
    level: 'must',
    test: async (t) => {
      for (const stdin of ['[]', '1', '"a"']) failure(await t.call('ADD', { stdin }), 6);
    },
  },
  {
    id: 'error-version',
    section: 'Error: cniVersion',
    says: 'an error carries the version in use',
    level: 'should',
    test: async (t) => {
      for (const cniVersion of t.subject.versions) {
        const calls = [
          { configuration: { cniVersion }, env: { CNI_CONTAINERID: undefined } },
          { configuration: { cniVersion }, env: { CNI_NETNS: '/run/netns/there-is-none' } },
        ];
        for (const call of calls) {
          const error = failure(await t.call('ADD', call));
          demand(error.cniVersion === cniVersion, `cniVersion is ${error.cniVersion}, not ${cniVersion}`);
        }
      }
    },
  },
  {
    id: 'error-codes',
    section: 'Error',
    says: 'codes below 100 are the well-known ones; a plugin has its own from 100',
    level: 'must',
    test: async (t) => {
      await t.add();
      const calls = [{}, { env: { CNI_NETNS: '/etc/hostname' } }, { stdin: '' }, { configuration: { name: '' } }];
      for (const call of calls) {
        const { code } = failure(await t.call('ADD', call));
        const known = [1, 2, 3, 4, 5, 6, 7, 11, 50, 51].includes(Number(code)) || Number(code) >= 100;
        demand(known, `code ${code} is reserved and not known`);
      }
    },
  },
];
