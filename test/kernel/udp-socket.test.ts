import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, expect, test } from 'vitest';
import { openUdpSocket } from '../../libs/netlink/index.ts';

const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing) close();
});

test.each([
  { family: 4, host: '127.0.0.1' },
  { family: 6, host: '::1' },
] as const)('a UDP socket of IPv$family gets only what comes with its TTL', async ({ family, host }) => {
  const type = `udp${family}` as const;
  const receiver = createSocket(type);
  receiver.bind({ fd: openUdpSocket(family, 0, 255) });
  closing.push(() => receiver.close());
  const got: string[] = [];
  receiver.on('message', (bytes) => got.push(bytes.toString()));
  const sender = createSocket(type);
  sender.bind(0, host);
  await once(sender, 'listening');
  closing.push(() => sender.close());
  for (const ttl of [254, 255, 64, 1, 255]) {
    sender.setTTL(ttl);
    await new Promise((resolve) => sender.send(`${ttl}`, receiver.address().port, host, resolve));
  }
  // The last one sent is the last to arrive.
  while (got.length < 2) await once(receiver, 'message');
  expect(got).toEqual(['255', '255']);
});
