// Stands between a client and the API server, and answers some requests as a server, a proxy or a network does that is failing.
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ControlPlane } from './control-plane.ts';
import { certificate, issue } from './credentials.ts';

/** An answer with this status and text, or the real one cut off after so many bytes. */
export type Fault = { readonly status: number; readonly body: string } | { readonly cutAfter: number };

export interface BrokenApi {
  readonly url: string;
  /** What is still to be done to requests whose URL matches, one fault each, in order. */
  break(matching: RegExp, faults: readonly Fault[]): void;
  /** Faults that no request has met yet. */
  pending(): number;
  close(): Promise<void>;
}

export async function startBrokenApi(plane: ControlPlane): Promise<BrokenApi> {
  const subject = { commonName: 'proxy', organization: 'proxy', ipAddresses: ['127.0.0.1'] };
  await issue(plane.folder, { name: 'proxy', ...subject });
  const { ca, cert, key } = certificate(plane.folder, 'proxy');
  const authority = await readFile(ca);
  let matching = /^$/;
  let faults: Fault[] = [];

  const server = createServer({ cert: await readFile(cert), key: await readFile(key) }, (incoming, outgoing) => {
    const fault = matching.test(incoming.url!) ? faults.shift() : undefined;
    if (fault && 'status' in fault) {
      incoming.resume();
      outgoing.writeHead(fault.status, { 'content-type': 'text/plain' }).end(fault.body);
      return;
    }
    const upstream = request(
      `${plane.url}${incoming.url}`,
      { method: incoming.method, headers: { ...incoming.headers, 'accept-encoding': 'identity' }, ca: authority },
      (response) => {
        outgoing.writeHead(response.statusCode!, response.headers);
        if (fault) cut(response, fault.cutAfter);
        else response.pipe(outgoing);
      },
    );
    const cut = (response: IncomingMessage, after: number) => {
      let left = after;
      const pass = (chunk: Buffer) => {
        const last = chunk.length >= left;
        // Nothing comes after it, not even the end, which would destroy what is still to be sent.
        if (last) response.off('data', pass).pause();
        outgoing.write(chunk.subarray(0, left), () => last && outgoing.socket?.destroySoon());
        left -= chunk.length;
      };
      response.on('data', pass);
      response.on('end', () => outgoing.destroy());
    };
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, // it listens on TCP
    break(url, list) {
      matching = url;
      faults = [...list];
    },
    pending: () => faults.length,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
