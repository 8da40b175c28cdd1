// The demo is the main job: it holds, it can be interrupted at any moment, and it leaves nothing.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { downLab } from './index.ts';
import { footprint } from './testing.ts';

const program = fileURLToPath(new URL('../demo/main.ts', import.meta.url));
const start = () => spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });

async function untilPrinted(child: ReturnType<typeof start>, words: string): Promise<void> {
  for await (const chunk of child.stdout) if (String(chunk).includes(words)) return;
  throw new Error(`the demo ended before it printed ${words}`);
}

afterEach(() => downLab('demo'));

describe('npm run demo', () => {
  it('holds in all its steps, within 80 columns, after a first run was killed in its middle', {
    timeout: 240_000,
  }, async () => {
    const first = start();
    await untilPrinted(first, 'Six pods start');
    first.kill('SIGKILL');
    await once(first, 'close');

    const second = start();
    const [output, [code]] = await Promise.all([text(second.stdout), once(second, 'exit')]);
    expect(output).not.toContain('✗');
    expect(code, output).toBe(0);
    expect(output).toMatch(/packets lost meanwhile.*│ 0 of/);
    expect(output.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(await footprint('demo')).toEqual([]);
  });

  it('takes everything down when it is interrupted and nobody reads what it prints', { timeout: 120_000 }, async () => {
    const child = start();
    await untilPrinted(child, 'Six pods start');
    child.kill('SIGINT');
    child.stdout.resume();
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    expect(await footprint('demo')).toEqual([]);
  });
});
