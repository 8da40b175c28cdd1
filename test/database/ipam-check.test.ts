// What the operator's check of addresses finds, and what it says to do: every kind, each made by a row that shows it.
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { pool, useDatabase } from './support.ts';

const database = useDatabase();
const own = randomUUID();
beforeAll(async () => {
  await database.datastore.write({ op: 'resources', put: [pool('sound', '10.80.0.0/24', 26)] });
  await database.datastore.write({ op: 'claim', pool: 'sound', node: 'n1', incarnation: own });
});

const endpoint = (node: string, container: string, addresses: string, revision = 1) =>
  `INSERT INTO caracal.endpoint (node, container_id, interface, pod_namespace, pod_name, pod_uid, addresses, revision)
   VALUES ('${node}', '${container}', 'eth0', 'shop', '${container}', '', '${addresses}', ${revision})`;
const block = (cidr: string, node: string, name = 'sound', incarnation: string = own) =>
  `INSERT INTO caracal.block (cidr, pool, node, incarnation, revision) VALUES ('${cidr}', '${name}', '${node}', '${incarnation}', 1)`;
const status = (node: string, text: string, age = '0') =>
  `INSERT INTO caracal.node_status (node, status, reported_at) VALUES ('${node}', '${text}', clock_timestamp() - interval '${age}')`;
const old = `UPDATE caracal.revision SET at = clock_timestamp() - interval '6 minutes' WHERE revision = 1`;

/** What the check finds while these rows are there. */
async function foundWith(...statements: string[]) {
  const tables = [
    'block',
    'endpoint',
    'node_status',
    'node',
    'quarantine',
    'release_request',
    'resource',
    'history',
    'revision',
  ];
  const saved = tables.map((name) => `CREATE TABLE kept_${name} AS TABLE caracal.${name}`);
  const back = tables.map(
    (name) =>
      `DELETE FROM caracal.${name}; INSERT INTO caracal.${name} SELECT * FROM kept_${name}; DROP TABLE kept_${name}`,
  );
  await database.query(saved.join(';'));
  try {
    for (const statement of statements) await database.query(statement);
    return (await database.datastore.checkIpam()).findings;
  } finally {
    await database.query(back.join(';'));
  }
}

test('nothing is found where all is well', async () => {
  expect(await database.datastore.checkIpam()).toEqual({ findings: [], pools: 1, blocks: 1, addresses: 0 });
});

describe('finds', () => {
  test.each<[string, string, RegExp, string[]]>([
    [
      'BlockWithoutPool',
      'block 10.81.0.0/26 of node n1: its pool gone does not exist',
      /apply IPPool\/gone again/,
      [block('10.81.0.0/26', 'n1', 'gone')],
    ],
    [
      'BlockOutsidePool',
      'block 10.81.0.0/26 of node n1 lies outside of its pool sound',
      /widen IPPool\/sound/,
      [block('10.81.0.0/26', 'n1')],
    ],
    [
      'StrandedBlock',
      'block 10.80.0.64/26 is owned by an earlier incarnation of node n2, which may still run',
      /release --node n2 --former/,
      [
        `INSERT INTO caracal.node (node, incarnation, machine, epoch, asserted) VALUES ('n2', 'new', '', 2, 1)`,
        block('10.80.0.64/26', 'n2', 'sound', 'old'),
      ],
    ],
    [
      'BlockHeldByOther',
      'node n2 holds block 10.80.0.0/26 by its journal, but node n1 owns 10.80.0.0/26',
      /reclaim the owner/,
      [status('n2', '{"blocks": [{"cidr": "10.80.0.0/26"}]}')],
    ],
    [
      'Quarantined',
      'what node n2 reports of container c is not believed: why',
      /delete the other pod/,
      [
        `INSERT INTO caracal.quarantine (node, container_id, interface, reported, reason) VALUES ('n2', 'c', 'eth0', '{}', 'why')`,
      ],
    ],
    [
      'AddressTwice',
      '10.80.0.1 is held twice: by shop/a on n1 and by shop/b on n1',
      /delete all but one/,
      [endpoint('n1', 'a', '{10.80.0.1}'), endpoint('n1', 'b', '{10.80.0.1}')],
    ],
    [
      'AddressInNoBlock',
      '10.80.0.200 of shop/a on n1 lies in no block',
      /delete the pod/,
      [endpoint('n1', 'a', '{10.80.0.200}')],
    ],
    [
      'AddressInForeignBlock',
      '10.80.0.1 of shop/a on n2 lies in block 10.80.0.0/26, which node n1 owns',
      /delete the pod/,
      [endpoint('n2', 'a', '{10.80.0.1}')],
    ],
    [
      'ReleaseRefused',
      'node n1 keeps 10.80.0.1, which was asked back: in use',
      /delete the pod that uses it/,
      [
        endpoint('n1', 'a', '{10.80.0.1}'),
        `INSERT INTO caracal.release_request (address, node, refusal) VALUES ('10.80.0.1', 'n1', 'in use')`,
      ],
    ],
    [
      'AddressLeaked',
      '10.80.0.1 on node n1 is used by nothing there: interface cara1 is gone',
      /^caracalctl ipam release --ip 10\.80\.0\.1$/,
      [status('n1', '{"leaked": [{"address": "10.80.0.1", "reason": "interface cara1 is gone"}]}')],
    ],
    [
      'AddressOfNoPod',
      '10.80.0.1 of shop/a on n1 is held, and there is no such Pod any more',
      /end its container a on that node.*release --ip 10\.80\.0\.1/,
      [endpoint('n1', 'a', '{10.80.0.1}'), `UPDATE caracal.endpoint SET pod_uid = 'u'`, old],
    ],
    [
      'BlockOfNoNode',
      expect.stringMatching(
        /^block 10\.80\.0\.0\/26 is owned by node n1, which does not exist and has not reported since \d{4}-/,
      ) as unknown as string,
      /release --node n1/,
      [status('n1', '{}', '10 minutes')],
    ],
    [
      'Reasserting',
      expect.stringMatching(/^no block is granted since .*, because lost; missing: n1$/) as unknown as string,
      /bring these nodes back/,
      [
        `INSERT INTO caracal.node (node, incarnation, machine, epoch, asserted) VALUES ('n1', '${own}', '', 1, 1)`,
        `UPDATE caracal.history SET number = 2, ended = false, reason = 'lost'`,
      ],
    ],
  ])('%s', async (kind, message, remedy, statements) => {
    expect(await foundWith(...statements)).toEqual([{ kind, message, remedy: expect.stringMatching(remedy) }]);
  });
});

test.each([
  [
    'a pod that the node has just told of',
    [endpoint('n1', 'a', '{10.80.0.1}'), `UPDATE caracal.endpoint SET pod_uid = 'u'`],
  ],
  [
    'a node that is silent and exists',
    [
      status('n1', '{}', '10 minutes'),
      `INSERT INTO caracal.resource (kind, name, api_version, uid, spec, generation, revision) VALUES ('Node', 'n1', 'v1', 'u', '{}', 1, 1)`,
    ],
  ],
  ['a node that is unknown and reports', [status('n1', '{}')]],
])('%s is no finding', async (_, statements) => {
  expect(await foundWith(...statements)).toEqual([]);
});

test('rows that nobody can read are named, and keep nothing else from being found', async () => {
  const findings = await foundWith(
    `INSERT INTO caracal.resource (kind, name, api_version, uid, spec, generation, revision)
     VALUES ('IPPool', 'broken', 'caracal.network/v1', 'u', '{"cidr": "10.82.0.0/99"}', 1, 1)`,
    status('n3', '{"blocks": [{"cidr": "garbage"}]}'),
    block('10.81.0.0/26', 'n1', 'gone'),
    endpoint('n1', 'a', '{10.80.0.1}'),
    endpoint('n1', 'b', '{10.80.0.1}'),
  );
  expect(findings.map(({ kind }) => kind)).toEqual(['BlockWithoutPool', 'Unreadable', 'AddressTwice', 'Unreadable']);
  expect([findings[1].message, findings[3].message]).toEqual([
    'the database holds what cannot be read, and BlockHeldByOther could not be looked for: invalid input syntax for type cidr: "garbage"',
    'the database holds what cannot be read, and AddressInNoBlock could not be looked for: invalid input syntax for type cidr: "10.82.0.0/99"',
  ]);
});
