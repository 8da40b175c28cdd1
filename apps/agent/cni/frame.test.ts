import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cniFrame as frame } from '../../../test/support/cni-frame.ts';
import { encodeReply, parseFrame } from './frame.ts';

test('a request is read when its last byte is there, and not before', () => {
  const bytes = frame('CNI_COMMAND=ADD\0CNI_ARGS=A=B;C=D\0', '{"ü":1}');
  for (let length = 0; length < bytes.length; length++) {
    expect(parseFrame(bytes.subarray(0, length))).toEqual({ state: 'incomplete' });
  }
  const environment = new Map([
    ['CNI_COMMAND', 'ADD'],
    ['CNI_ARGS', 'A=B;C=D'],
  ]);
  expect(parseFrame(bytes)).toEqual({ state: 'complete', invocation: { environment, stdin: '{"ü":1}' } });
});

test('what is longer than its lengths, or absurdly long, is no request', () => {
  expect(parseFrame(Buffer.concat([frame('', ''), Buffer.from('x')]))).toMatchObject({ state: 'invalid' });
  expect(parseFrame(Buffer.from('GET / HTTP/1.1\r\n'))).toMatchObject({ state: 'invalid' });
});

test('any bytes are read without an exception', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseFrame(Buffer.from(bytes))));
});

test('an answer carries its length in bytes', () => {
  const bytes = [1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0xc3, 0xbc, 10, 0x65];
  expect(encodeReply({ exitCode: 1, stdout: 'ü\n', stderr: 'e' })).toEqual(Buffer.from(bytes));
});
