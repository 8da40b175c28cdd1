import { create } from '@bufbuild/protobuf';
import { FeedItemSchema } from '@caracal/protocol';
import { expect, test } from 'vitest';
import { FeedPods } from './feed-pods.ts';

const resource = (name: string, spec: object, uid = name) =>
  create(FeedItemSchema, {
    item: {
      case: 'resource',
      value: {
        kind: 'Pod',
        apiVersion: 'v1',
        namespace: 'a',
        name,
        uid,
        labels: { app: 'x' },
        specJson: JSON.stringify(spec),
      },
    },
  });
const change = (...items: ReturnType<typeof resource>[]) => ({ items, revision: 1n, nonce: 1n, snapshot: false });

test('the pods of this node alone, as they are now', () => {
  const pods = new FeedPods('n1');
  const ports = [{ name: 'http', protocol: 'TCP', containerPort: 80 }];
  pods.apply(
    change(resource('mine', { nodeName: 'n1', serviceAccountName: 's', ports }), resource('other', { nodeName: 'n2' })),
  );
  expect(pods.get('a/mine')).toEqual({
    namespace: 'a',
    name: 'mine',
    uid: 'mine',
    labels: { app: 'x' },
    serviceAccount: 's',
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  });
  expect(pods.get('a/other')).toBeUndefined();
  pods.apply(change(resource('mine', { nodeName: 'n2', serviceAccountName: 'n1' }, 'again')));
  expect(pods.get('a/mine')).toBeUndefined();
});
