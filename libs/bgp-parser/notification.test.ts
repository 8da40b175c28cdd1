import { expect, it } from 'vitest';
import { encodeShutdownCommunication, formatNotification } from './notification.ts';

const none = new Uint8Array(0);

it.each([
  { code: 2, subcode: 2, data: none, text: 'Bad Peer AS' },
  { code: 2, subcode: 2, data: Uint8Array.of(0, 0, 0xfd, 0xe9), text: 'Bad Peer AS (65001)' },
  { code: 4, subcode: 0, data: none, text: 'Hold Timer Expired' },
  {
    code: 6,
    subcode: 2,
    data: encodeShutdownCommunication('maintenance'),
    text: 'Cease: Administrative Shutdown "maintenance"',
  },
  { code: 6, subcode: 2, data: Uint8Array.of(9, 65), text: 'Cease: Administrative Shutdown' },
  { code: 3, subcode: 9, data: Uint8Array.of(0x80, 0x0e), text: 'Optional Attribute Error (800e)' },
  { code: 6, subcode: 99, data: none, text: 'Cease (subcode 99)' },
  { code: 99, subcode: 1, data: none, text: 'NOTIFICATION 99/1' },
])('$code/$subcode reads "$text"', ({ code, subcode, data, text }) => {
  expect(formatNotification({ code, subcode, data })).toBe(text);
});

it('cuts a long shutdown message between characters', () => {
  const bytes = encodeShutdownCommunication('ä'.repeat(200));
  expect(bytes[0]).toBe(254);
  expect(bytes.length).toBe(255);
});
