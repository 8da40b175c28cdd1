import { encodeMessage, frame, initialContext, messageTypes, type Open } from 'bgp-parser';
import { expect, it, vi } from 'vitest';
import { hashBytes } from './rib/hash.ts';
import { LocRib } from './rib/loc-rib.ts';
import { FakeWorld } from './testing/fake-environment.ts';
import { config, peer, speakerAt } from './testing/speakers.ts';

/** A speaker with one originated route, and the established session of a peer whose octets the test writes. */
function session() {
  const world = new FakeWorld();
  const logged: Readonly<Record<string, unknown>>[] = [];
  const log = (message: string, fields: Readonly<Record<string, unknown>>) =>
    logged.push({ ...fields, event: message });
  const { speaker } = speakerAt(world, '10.0.0.1', { log });
  speaker.configure(
    config(65001, '10.0.0.1', [peer('hostile', '10.0.0.2', 65002, { passive: true })], ['10.1.0.0/24']),
  );
  const { connection, received } = world.dial('10.0.0.2', '10.0.0.1');
  const open: Open = {
    type: 'open',
    asNumber: 65002,
    holdTimeSeconds: 90,
    bgpIdentifier: 2,
    capabilities: [{ name: 'fourOctetAs', asNumber: 65002 }, { name: 'routeRefresh' }],
  };
  const send = (bytes: Uint8Array) => {
    connection.write(bytes);
    world.advance(0);
  };
  send(encodeMessage(open, initialContext));
  send(encodeMessage({ type: 'keepalive' }, initialContext));
  expect(speaker.status()).toMatchObject([{ state: 'Established' }]);
  return { world, speaker, send, received, logged };
}

it('a thousand requests for all routes are no thousand walks through the table', () => {
  const { send, received } = session();
  const before = received.length;
  const walks = vi.spyOn(LocRib.prototype, 'forEach');
  const request = encodeMessage({ type: 'routeRefresh', afi: 1, subtype: 0, safi: 1 }, initialContext);
  send(Buffer.concat(Array.from({ length: 1000 }, () => request)));
  expect(walks.mock.calls.length).toBeLessThan(4);
  walks.mockRestore();
  // And they are answered.
  expect(received.length).toBeGreaterThan(before);
  const after = received.length;
  send(request);
  expect(received.length).toBeGreaterThan(after);
});

it('an UPDATE of a thousand malformed attributes is a line in the log, and so are ten of them in one second', () => {
  const { world, send, logged } = session();
  const faults = Buffer.from('4006 00'.replaceAll(' ', '').repeat(1000), 'hex');
  const body = Buffer.concat([Buffer.from([0, 0, faults.length >> 8, faults.length & 255]), faults]);
  const update = frame(messageTypes.update, body);
  const lines = () => logged.filter(({ event }) => event === 'malformed attribute');
  for (let i = 0; i < 10; i++) send(update);
  expect(lines()).toMatchObject([{ peer: 'hostile', kind: 'attributeDiscard', attribute: 6, others: 998 }]);
  world.advance(1000);
  send(update);
  expect(lines()).toMatchObject([{}, { others: 9 * 999 + 998 }]);
});

it('prefixes that share a slot in one process do not in another', () => {
  const slot = (start: number, prefix: Uint8Array) => hashBytes(start, prefix, 0, 16) & 0xff;
  const prefixes = Array.from({ length: 60_000 }, (_, i) =>
    Uint8Array.of(32, 1, 13, 184, i >> 8, i, ...new Array(10).fill(0)),
  );
  const chosen = prefixes.filter((prefix) => slot(0x811c9dc5, prefix) === 7);
  expect(chosen.length).toBeGreaterThan(100);
  for (const start of [1, 0x12345678, 0x7fffffff]) {
    expect(new Set(chosen.map((prefix) => slot(start, prefix))).size).toBeGreaterThan(50);
  }
});
