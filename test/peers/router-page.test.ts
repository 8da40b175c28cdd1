// What the page about routers shows is what our schemas and a real BIRD take.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAll } from '@caracal/api';
import { execa } from 'execa';
import { afterAll, expect, test } from 'vitest';
import { examplesIn } from '../../scripts/kind-examples.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const page = readFileSync('docs/install-router.md', 'utf8');
const folder = makeTemporaryFolder('page');
afterAll(() => removeTemporaryFolder(folder));

test('our resources are right', () => {
  // The page shows one object several times, as it grows.
  for (const document of examplesIn(page.replaceAll('name: NODE', 'name: node-11'))) {
    expect(parseAll([document]).problems).toEqual([]);
  }
});

test('BIRD takes its configuration, and what the table shows of it', async () => {
  const [configuration] = [...page.matchAll(/^BIRD:\n\n```\n(.*?)^```$/gms)].map(([, text]) => text!);
  const file = join(folder, 'bird.conf');
  const check = async (text: string) => {
    writeFileSync(file, text);
    const { exitCode, stderr } = await execa('/usr/sbin/bird', ['-p', '-c', file], { reject: false });
    return { exitCode, stderr };
  };
  expect(await check(configuration!)).toEqual({ exitCode: 0, stderr: '' });
  // The column of BIRD, in the order of the table, in places where each can stand.
  const column = page.split('\n').flatMap((line) => /^\|(?:[^|]+\|){2}([^|]+)\|[^|]+\|$/.exec(line)?.[1]?.trim() ?? []);
  const statements = column.flatMap((cell) => /^`((?:passive|hold time|connect retry time).*)`$/.exec(cell)?.[1] ?? []);
  expect(statements).toHaveLength(3);
  const node = `protocol bgp n13 from node { neighbor range 192.0.2.0/24 as 64512; ${statements.join('; ')}; }`;
  expect(await check(`${configuration}\n${node}\n`)).toEqual({ exitCode: 0, stderr: '' });
  expect((await check(configuration!.replace('hold time', 'holding time'))).exitCode).not.toBe(0);
});
