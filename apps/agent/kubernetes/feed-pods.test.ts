import { expect, test } from 'vitest';
import type { FeedEntry } from '../feed/entries.ts';
import { FeedPods } from './feed-pods.ts';

const pod = (name: string, node: string, uid = name): FeedEntry => ({
  case: 'pod',
  value: {
    namespace: 'a',
    name,
    uid,
    node,
    labels: { app: 'x' },
    serviceAccount: 's',
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  },
});

test('the pods of this node alone, as they are now', () => {
  const pods = new FeedPods('n1');
  pods.take([pod('mine', 'n1'), pod('other', 'n2')]);
  expect(pods.get('a/mine')).toEqual({
    namespace: 'a',
    name: 'mine',
    uid: 'mine',
    labels: { app: 'x' },
    serviceAccount: 's',
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  });
  expect(pods.get('a/other')).toBeUndefined();
  pods.take([pod('mine', 'n2', 'again')]);
  expect(pods.get('a/mine')).toBeUndefined();
  pods.take([pod('mine', 'n1'), { case: 'podDeleted', namespace: 'a', name: 'mine' }]);
  expect(pods.get('a/mine')).toBeUndefined();
});

test('a snapshot counts when it is whole, and what it does not name is gone', () => {
  const pods = new FeedPods('n1');
  pods.take([pod('old', 'n1'), pod('kept', 'n1')]);
  pods.take([{ case: 'snapshotBegin' }, pod('kept', 'n1', 'again')]);
  expect(pods.get('a/kept')?.uid).toBe('kept');
  pods.take([{ case: 'snapshotEnd' }]);
  expect(pods.get('a/kept')?.uid).toBe('again');
  expect(pods.get('a/old')).toBeUndefined();
});
