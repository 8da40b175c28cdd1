import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockState } from './state-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'caracal-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('one agent alone works with a state directory; the next one waits until it has stopped, or says so', async () => {
  const first = await lockState(folder, 0);
  await expect(lockState(folder, 0)).rejects.toThrow(
    `another agent works with ${folder} (it holds ${folder}/agent.lock): stop it first`,
  );
  const second = lockState(folder, 60_000);
  first.release();
  (await second).release();
});
