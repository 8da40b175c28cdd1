import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issueCertificate } from '../../test/support/pki.ts';
import { run } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'caracalctl-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function call(args: string[], env: Record<string, string> = {}, stdin = '') {
  let out = '';
  let err = '';
  const code = await run(args, {
    env,
    now: () => 0,
    colours: false,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readStdin: async () => stdin,
  });
  return { code, out, err };
}

const tier = 'apiVersion: caracal.network/v1\nkind: Tier\nmetadata: {name: a}\nspec: {order: 1}\n';

describe('exit codes', () => {
  test('help is 0 and tells them', async () => {
    const { code, out } = await call(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 hub unreachable.');
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test.each([
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['get'], "missing required argument 'kind'"],
    [['get', 'pools', '-o', 'xml'], 'Allowed choices are table, wide, json, yaml'],
    [['get', 'deployments'], 'there is no kind deployments; there are\n  ippools or pool\n'],
    [['get', 'pools', '-n', 'shop'], 'IPPool lies in no namespace: leave out -n'],
    [['get', 'pod', 'web', '-A'], 'a name needs its namespace: use -n in place of -A'],
    [['get', 'pools'], 'no hub is named: set CARACAL_HUB'],
    [['get', 'pools', '--hub', 'here'], 'CARACAL_CA is not set'],
    [['get', 'pools', '--hub', 'here', '--ca', '/no/such'], 'CARACAL_CA: cannot read /no/such'],
    [['get', 'pools', '--hub', 'here', '--ca', '/etc/hostname'], 'CARACAL_CA: /etc/hostname is no PEM file'],
    [
      ['policy', 'explain', '--to', 'a/b', '--port', '1', '--hub', 'x'],
      '--from is missing: NAMESPACE/POD or an address',
    ],
    [
      ['policy', 'explain', '--from', 'web', '--to', 'a/b', '--port', '1'],
      '--from web: give NAMESPACE/POD or an address',
    ],
    [['policy', 'explain', '--from', 'a/b', '--to', 'c/d'], 'a flow of TCP needs a destination port: --port'],
    [
      ['policy', 'explain', '--from', 'a/b', '--to', 'c/d', '--port', '65536'],
      'port 65536: give a number from 0 to 65535',
    ],
    [['policy', 'explain', '--from', 'a/b', '--flows', 'x'], 'give --from and --to, or --flows, not both'],
    [['apply'], "required option '-f, --filename <file...>' not specified"],
    [['apply', '-f', '/no/such.yaml'], '-f /no/such.yaml: ENOENT'],
    [['delete', 'pool'], 'give a kind and a name, or -f FILE'],
    [['label', 'pool', 'a', 'b=c'], 'only pods, namespaces, service accounts and nodes are labelled this way'],
    [['label', 'pod', 'a', 'b='], 'b= changes no label: use KEY=VALUE to set one and KEY- to remove one'],
    [['ipam', 'show', '--ip', '10.0.0'], '--ip 10.0.0: that is no IP address'],
  ])('%s is wrong usage', async (args, message) => {
    const { code, out, err } = await call(args);
    expect(err).toContain(message);
    expect(code).toBe(2);
    expect(out).toBe('');
  });

  let certificates: Record<string, string>;
  beforeAll(async () => {
    const authority = await createAuthority();
    const { cert, key } = await issueCertificate(authority, { organization: 'caracal:admins', commonName: 'test' });
    certificates = {
      CARACAL_CA: file('ca', authority.ca),
      CARACAL_CERT: file('cert', cert),
      CARACAL_KEY: file('key', key),
    };
  });

  test('a hub whose socket is not there is 3, and the message says what to look at', async () => {
    const { code, err } = await call(['get', 'pools'], { ...certificates, CARACAL_HUB: 'unix:/no/such.sock' });
    expect(err).toBe(
      'cannot reach the hub at unix:/no/such.sock: there is no such socket. Is the hub running, and is the path right?\n',
    );
    expect(code).toBe(3);
  });

  test('a hub that refuses connections is 3', async () => {
    const { code, err } = await call(['bgp', 'peers'], { ...certificates, CARACAL_HUB: 'https://127.0.0.1:1' });
    expect(err).toContain('cannot reach the hub at https://127.0.0.1:1: the connection was refused');
    expect(code).toBe(3);
  });

  test('an address that is none is wrong usage', async () => {
    const { code, err } = await call(['node', 'status'], { ...certificates, CARACAL_HUB: 'nowhere' });
    expect(err).toContain('CARACAL_HUB or --hub is nowhere');
    expect(code).toBe(2);
  });
});

describe('validate', () => {
  test('right files, also from standard input', async () => {
    expect(await call(['validate', '-f', '-'], {}, tier)).toEqual({ code: 0, out: '1 document is right\n', err: '' });
    expect(
      (await call(['validate', '-f', file('a.yaml', tier), '-f', '-'], {}, tier.replace('name: a', 'name: b'))).out,
    ).toBe('2 documents are right\n');
  });

  test('wrong ones name file, document, line and field', async () => {
    const pools = file(
      'pools.yaml',
      [
        'apiVersion: caracal.network/v1\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: 10.0.0.0/16}\n',
        'apiVersion: caracal.network/v1\nkind: IPPool\nmetadata: {name: b}\nspec:\n  cidr: 10.0.0.0/8\n',
        'apiVersion: caracal.network/v1\nkind: IPPool\nmetadata: {name: c}\nspec:\n  cidr: 10.300.0.0/16\n',
      ].join('---\n'),
    );
    const { code, out, err } = await call(['validate', '-f', pools]);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toBe(
      `${pools} document 2, line 10: IPPool/b: spec.cidr: 10.0.0.0/8 overlaps 10.0.0.0/16 of IPPool/a\n` +
        `${pools} document 3, line 16: IPPool/c: spec.cidr: "10.300.0.0/16" is no CIDR, such as 10.0.0.0/16 or 2001:db8::/48\n`,
    );
  });

  test('nothing at all is refused', async () => {
    expect(await call(['validate', '-f', '-'], {}, '---\n')).toEqual({
      code: 1,
      out: '',
      err: 'there is no document in standard input\n',
    });
  });
});
