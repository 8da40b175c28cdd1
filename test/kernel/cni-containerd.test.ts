import { expect, test } from 'vitest';
import { sandboxesStandAndGo } from '../support/cri/scenario.ts';

/** Through containerd itself; `npm run soak -- containerd` has more of them. */
test('16 sandboxes of a containerd of their own, which is killed between and in the middle: addresses, pings, nothing left', async () => {
  expect(await sandboxesStandAndGo(16, () => {})).toEqual([]);
}, 300_000);
