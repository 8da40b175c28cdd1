// A process with a stream of a hub, and two callers that ask again at once when an answer fails; tells each outcome to its parent.
import { createHubTransport, NodeService, protocolVersion } from '@caracal/protocol';
import { createClient } from '@connectrpc/connect';

export interface AskingOrder {
  readonly address: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

process.once('message', (order: AskingOrder) => {
  const client = createClient(NodeService, createHubTransport({ ...order, pingIntervalMs: 500, pingTimeoutMs: 500 }));
  void follow();
  for (let i = 0; i < 2; i++) void ask();

  async function follow(): Promise<void> {
    try {
      for await (const _ of client.subscribe({ protocolVersion }));
    } catch (error) {
      process.send?.(String(error));
    }
  }

  async function ask(): Promise<void> {
    for (;;) process.send?.(await client.recover({}).then(() => 'answered', String));
  }
});
