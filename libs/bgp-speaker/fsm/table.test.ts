import { describe, expect, it } from 'vitest';
import { events, states, transitions } from './table.ts';

/**
 * RFC 4271 section 8.2.2, cell by cell: where each event leads (first letters of the states; Connect is C, OpenConfirm
 * is K), and whether a NOTIFICATION goes out: `!` the one that the event brings, `f` a state machine error.
 */
const expected = `
                          Idle  Connect Active OpenSent OpenConfirm Established
ManualStart               C     C       A      S        K           E
ManualStop                I     I       I      I!       I!          I!
AutomaticStart            C     C       A      S        K           E
AutomaticStartPassive     A     C       A      S        K           E
AutomaticStop             I     I       I      I!       I!          I!
ConnectRetryTimerExpires  I     C       C      If       If          If
HoldTimerExpires          I     I       I      I!       I!          I!
KeepaliveTimerExpires     I     I       I      If       K           E
TcpCrAcked                I     S       S      If       If          If
TcpConnectionConfirmed    I     S       S      If       If          If
TcpConnectionFails        I     A       I      A        I           I
BgpOpen                   I     I       I      K        If          If
BgpHeaderErr              I     I       I      I!       I!          I!
BgpOpenMsgErr             I     I       I      I!       I!          I!
OpenCollisionDump         I     I       I      I!       I!          I!
NotifMsgVerErr            I     I       I      I        I           I
NotifMsg                  I     I       I      I        I           I
KeepAliveMsg              I     I       I      If       E           E
UpdateMsg                 I     I       I      If       If          E
UpdateMsgErr              I     I       I      If       If          I!
RouteRefreshMsg           I     I       I      If       If          E
`;

const letters = { Idle: 'I', Connect: 'C', Active: 'A', OpenSent: 'S', OpenConfirm: 'K', Established: 'E' };
const rows = expected
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(/ +/));

describe('the state machine', () => {
  it('has a row for each event', () => {
    expect(rows.map((row) => row[0])).toEqual([...events]);
  });

  it.each(rows.flatMap(([event, ...cells]) => cells.map((cell, i) => [states[i], event, cell] as const)))(
    'in %s, %s leads to %s',
    (state, event, cell) => {
      // The rows were just compared with the events.
      const { to, actions } = transitions[state][event as (typeof events)[number]];
      const sent = actions.includes('notify') ? '!' : actions.includes('notifyFsmError') ? 'f' : '';
      expect(letters[to] + sent).toBe(cell);
      // Whoever goes back to Idle leaves neither a connection nor a timer behind, and tells the peer before that.
      if (to === 'Idle' && state !== 'Idle') {
        expect(actions).toContain('dropConnection');
        expect(actions).toContain('stopTimers');
        if (sent) expect(actions.indexOf('dropConnection')).toBeGreaterThan(0);
      }
    },
  );
});
