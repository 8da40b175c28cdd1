import { expect, test } from 'vitest';
import { callerOf } from './caller.ts';

const socket = (subject: object | undefined, authorized = true) =>
  ({ authorized, getPeerCertificate: () => ({ subject }) }) as never;

test.each([
  [
    { O: 'caracal:nodes', CN: 'node-1.example' },
    { role: 'node', name: 'node-1.example' },
  ],
  [
    { O: 'caracal:admins', CN: 'Ada Lovelace' },
    { role: 'admin', name: 'Ada Lovelace' },
  ],
  [
    { O: 'caracal:nodes', CN: '../etc' },
    { role: 'none', subject: 'O=caracal:nodes, CN=../etc' },
  ],
  [
    { O: 'caracal:nodes', CN: '' },
    { role: 'none', subject: 'O=caracal:nodes, CN=' },
  ],
  [{ O: 'caracal:nodes' }, { role: 'none', subject: 'O=caracal:nodes, CN=' }],
  [
    { O: ['caracal:nodes', 'caracal:admins'], CN: 'n' },
    { role: 'none', subject: 'O=caracal:nodes,caracal:admins, CN=n' },
  ],
  [
    { O: 'caracal:admins', CN: ['a', 'b'] },
    { role: 'none', subject: 'O=caracal:admins, CN=a,b' },
  ],
  [
    { O: 'caracal:hubs', CN: 'hub' },
    { role: 'none', subject: 'O=caracal:hubs, CN=hub' },
  ],
  [undefined, { role: 'none', subject: 'O=, CN=' }],
])('subject %j is %j', (subject, caller) => {
  expect(callerOf(socket(subject))).toEqual(caller);
});

test('a certificate of another authority says nothing', () => {
  const caller = callerOf(socket({ O: 'caracal:admins', CN: 'Ada' }, false));
  expect(caller).toEqual({ role: 'none' });
});

test.each([
  [{ CN: 'caracal-admin' }, { role: 'admin', name: 'caracal-admin' }],
  [
    { O: 'caracal:nodes', CN: 'caracal-admin' },
    { role: 'node', name: 'caracal-admin' },
  ],
  [
    { O: '', CN: 'caracal-admin' },
    { role: 'none', subject: 'O=, CN=caracal-admin' },
  ],
  [{ CN: 'caracal-hub' }, { role: 'none', subject: 'O=, CN=caracal-hub' }],
])('where caracal-admin is a name of administrators, %j is %j', (subject, caller) => {
  expect(callerOf(socket(subject), ['caracal-admin'])).toEqual(caller);
});
