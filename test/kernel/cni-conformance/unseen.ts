import type { Row } from './row.ts';
import { demand, failure, nothing } from './subject.ts';

/** CHECK: "other resources not tracked in the Result type"; fields that are refused. Who makes none of a sort has none to miss. */
export const unseen: readonly Row[] = [
  {
    id: 'check-firewall',
    section: 'CHECK: "Firewall rules"',
    says: 'firewall rules that are missing are an error, which goes when they are back',
    level: 'should',
    since: '0.4.0',
    test: async (t) => {
      const prevResult = await t.add();
      const { node } = t.subject;
      const saved = await node.run('iptables-save', ['-t', 'filter']);
      if (!saved.includes('\n-A ')) return;
      await node.run('iptables', ['-F']);
      try {
        failure(await t.call('CHECK', { configuration: { prevResult } }));
      } finally {
        await node.run('iptables-restore', [], saved);
      }
      nothing(await t.call('CHECK', { configuration: { prevResult } }));
    },
  },
  {
    id: 'check-shaping',
    section: 'CHECK: "Traffic shaping controls"',
    says: 'a limit of bandwidth that is missing is an error',
    level: 'should',
    since: '0.4.0',
    test: async (t) => {
      const bandwidth = { ingressRate: 8_000_000, ingressBurst: 8_000_000 };
      const runtimeConfig = { bandwidth };
      const prevResult = await t.add({ configuration: { runtimeConfig } });
      const { node } = t.subject;
      const shaped = /^qdisc tbf .* dev (\S+)/m.exec(await node.run('tc', ['qdisc', 'show']))?.[1];
      if (shaped === undefined) return;
      nothing(await t.call('CHECK', { configuration: { prevResult, runtimeConfig } }));
      await node.run('tc', ['qdisc', 'delete', 'dev', shaped, 'root']);
      const answer = await t.call('CHECK', { configuration: { prevResult, runtimeConfig } });
      demand(answer.exitCode !== 0, 'CHECK succeeds without it');
    },
  },
  {
    id: 'field-unsupported',
    section: 'Error: code 2, "must contain the key and value of the unsupported field"',
    says: 'a field that is known and cannot be honoured is code 2, and the message has its key and its value',
    level: 'must',
    test: async (t) => {
      const { unsupported } = t.subject;
      if (!unsupported) return;
      const { key, value } = unsupported;
      const { msg } = failure(await t.call('ADD', { configuration: { [key]: value } }), 2);
      for (const part of [key, String(value)]) demand(String(msg).includes(part), `${part} is not in: ${msg}`);
    },
  },
  {
    id: 'field-impossible',
    section: 'Error: code 7',
    says: 'a value of a field of the protocol that cannot be is an error that names the field',
    level: 'should',
    test: async (t) => {
      failure(await t.call('ADD', { configuration: { ipam: { type: 7 } } }), undefined, 'type');
    },
  },
];
