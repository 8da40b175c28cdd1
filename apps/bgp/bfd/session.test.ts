import { describe, expect, it } from 'vitest';
import { type BfdState, type ControlPacket, decodePacket } from './packet.ts';
import { BfdSession, type BfdTimes } from './session.ts';

const times: BfdTimes = { sendMs: 300, receiveMs: 300, multiplier: 3 };

/** A clock that stands still until told, and what a session does. */
function rig(wished: Partial<BfdTimes> = {}) {
  let now = 0;
  let timers: { at: number; run: () => void; gone: boolean }[] = [];
  const sent: (ControlPacket & { at: number })[] = [];
  const states: string[] = [];
  const session = new BfdSession(
    7,
    { ...times, ...wished },
    {
      clock: {
        monotonic: () => now,
        after: (milliseconds, run) => {
          const timer = { at: now + milliseconds, run, gone: false };
          timers.push(timer);
          return {
            cancel: () => {
              timer.gone = true;
            },
          };
        },
        soon: (run) => run(),
      },
      random: () => 1,
      send: (bytes) => {
        const packet = decodePacket(bytes);
        if (!packet) throw new Error('it sends what it would discard');
        sent.push({ ...packet, at: now });
      },
      onChange: (state, failed) => states.push(failed ? `${state}: ${failed}` : state),
    },
  );
  return {
    session,
    sent,
    states,
    last: () => sent[sent.length - 1],
    advance: (milliseconds: number) => {
      const end = now + milliseconds;
      for (;;) {
        timers = timers.filter(({ gone }) => !gone);
        const [next] = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (!next) break;
        next.gone = true;
        now = next.at;
        next.run();
      }
      now = end;
    },
    hear: (state: BfdState, more: Partial<ControlPacket> = {}) =>
      session.receive({
        diagnostic: 0,
        state,
        poll: false,
        final: false,
        demand: false,
        multiplier: 3,
        myDiscriminator: 99,
        yourDiscriminator: state === 'Down' ? 0 : 7,
        desiredMinTxUs: 300_000,
        requiredMinRxUs: 300_000,
        ...more,
      }),
  };
}

/** RFC 5880 section 6.8.6: our state, theirs, and ours afterwards. */
const cells: readonly (readonly [BfdState, BfdState, BfdState])[] = [
  ['Down', 'AdminDown', 'Down'],
  ['Down', 'Down', 'Init'],
  ['Down', 'Init', 'Up'],
  ['Down', 'Up', 'Down'],
  ['Init', 'AdminDown', 'Down'],
  ['Init', 'Down', 'Init'],
  ['Init', 'Init', 'Up'],
  ['Init', 'Up', 'Up'],
  ['Up', 'AdminDown', 'Down'],
  ['Up', 'Down', 'Down'],
  ['Up', 'Init', 'Up'],
  ['Up', 'Up', 'Up'],
];
const ways: Partial<Record<BfdState, readonly BfdState[]>> = { Down: [], Init: ['Down'], Up: ['Down', 'Up'] };

describe('a BFD session', () => {
  it.each(cells)('that is %s and hears %s is then %s', (own, theirs, then) => {
    const r = rig();
    r.session.start();
    for (const state of ways[own] ?? []) r.hear(state);
    expect(r.session.sessionState).toBe(own);
    r.hear(theirs);
    expect(r.session.sessionState).toBe(then);
  });

  it('sends once a second until it is up, then as fast as both sides want, and polls for that', () => {
    const r = rig();
    r.session.start();
    r.advance(3500);
    expect(r.sent.map(({ at }) => at)).toEqual([0, 1000, 2000, 3000]);
    expect(r.last()).toMatchObject({ state: 'Down', yourDiscriminator: 0, desiredMinTxUs: 1_000_000, multiplier: 3 });
    r.hear('Down');
    expect(r.last()).toMatchObject({ state: 'Init', yourDiscriminator: 99, poll: false });
    r.hear('Init', { requiredMinRxUs: 500_000 });
    expect(r.last()).toMatchObject({ state: 'Up', desiredMinTxUs: 300_000, requiredMinRxUs: 300_000, poll: true });
    r.hear('Up', { final: true, requiredMinRxUs: 500_000 });
    const before = r.sent.length;
    r.advance(600);
    expect(r.sent.slice(before)).toMatchObject([{ at: 4000, poll: false }]);
    expect(r.states).toEqual(['Init', 'Up']);
  });

  it('answers a poll at once, and sends nothing to who wants nothing', () => {
    const r = rig();
    r.session.start();
    r.hear('Down');
    r.hear('Init', { poll: true });
    expect(r.last()).toMatchObject({ final: true, poll: false });
    r.hear('Up', { requiredMinRxUs: 0 });
    r.advance(310);
    const before = r.sent.length;
    r.hear('Up', { requiredMinRxUs: 0 });
    r.advance(310);
    expect(r.sent).toHaveLength(before);
  });

  it('is down when the multiplier times the slower interval passes in silence, and begins anew', () => {
    const r = rig();
    r.session.start();
    r.hear('Down');
    r.hear('Up', { desiredMinTxUs: 400_000, multiplier: 4 });
    r.advance(1599);
    expect(r.session.sessionState).toBe('Up');
    r.advance(1);
    expect(r.states).toEqual(['Init', 'Up', 'Down: nothing heard for 1600 ms']);
    expect(r.last()).toMatchObject({ state: 'Down', diagnostic: 1, yourDiscriminator: 0 });
    r.hear('Down');
    r.hear('Init');
    expect(r.session.sessionState).toBe('Up');
  });

  it('fails when the neighbour is down, and not when it was told to stop', () => {
    const down = rig();
    down.hear('Down');
    down.hear('Up');
    down.hear('Down', { yourDiscriminator: 7 });
    expect(down.states.at(-1)).toBe('Down: the neighbour says that it is down');
    expect(down.last()).toMatchObject({ state: 'Down', diagnostic: 3 });
    const stopped = rig();
    stopped.hear('Down');
    stopped.hear('Up');
    stopped.hear('AdminDown');
    expect(stopped.states.at(-1)).toBe('Down');
  });

  it('ignores what is for another, and says that it was told to stop', () => {
    const r = rig();
    r.session.start();
    r.hear('Init', { yourDiscriminator: 8 });
    expect(r.session.sessionState).toBe('Down');
    r.session.stop();
    expect(r.last()).toMatchObject({ state: 'AdminDown', diagnostic: 7 });
    const before = r.sent.length;
    r.hear('Down');
    r.advance(5000);
    expect(r.sent).toHaveLength(before);
  });
});
