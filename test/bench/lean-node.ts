import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { hubServerName } from '@caracal/protocol';

/**
 * A node's calls of a hub with as little around them as can be (Connect's unary protocol: a POST of the message and its
 * answer), for a process that is a thousand nodes and must not be what is measured.
 */
export interface LeanNode {
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>>;
  close(): void;
}

export interface LeanNodeOptions {
  /** `unix:/path` */
  readonly address: string;
  /** PEM texts. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export function leanNode({ address, ca, cert, key }: LeanNodeOptions): LeanNode {
  const path = address.slice('unix:'.length);
  const session: ClientHttp2Session = connect(`https://${hubServerName}`, {
    createConnection: () =>
      connectTls({ path, ca, cert, key, servername: hubServerName, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' }),
  });
  let broken: Error | undefined;
  session.on('error', (error) => {
    broken = error;
  });
  return {
    call: (method, request) =>
      new Promise((resolve, reject) => {
        if (broken) {
          reject(broken);
          return;
        }
        const stream = session.request({
          ':method': 'POST',
          ':path': `/${method.parent.typeName}/${method.name}`,
          'content-type': 'application/proto',
          'connect-protocol-version': '1',
        });
        let status: number | undefined;
        const chunks: Buffer[] = [];
        stream.on('response', (headers) => {
          status = headers[':status'];
        });
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('error', reject);
        stream.on('end', () => {
          const body = Buffer.concat(chunks);
          if (status === 200) resolve(fromBinary(method.output, body));
          // An error is JSON.
          else reject(new Error(`${method.name}: status ${status}: ${body}`));
        });
        stream.end(toBinary(method.input, create(method.input, request)));
      }),
    close: () => session.destroy(),
  };
}
