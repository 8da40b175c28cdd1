// Carries connections between a network namespace and this machine: `relay.ts LISTEN CONNECT`, each a path of a unix socket or
// HOST:PORT. A unix socket is seen from every network namespace, so two relays join two of them without an interface in either.
import { rmSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts } from 'node:net';
import { pipeline } from 'node:stream';

const [listen, target] = process.argv.slice(2);
if (!listen || !target) throw new Error('usage: relay.ts LISTEN CONNECT');

const options = (text: string): NetConnectOpts => {
  if (text.startsWith('/')) return { path: text };
  const [host, port] = text.split(':');
  return { host, port: Number(port) };
};

if (listen.startsWith('/')) rmSync(listen, { force: true });
createServer({ allowHalfOpen: true }, (inner) => {
  const outer = connect({ ...options(target), allowHalfOpen: true });
  // Either end may vanish; pipeline then closes the other.
  pipeline(inner, outer, inner, () => {
    inner.destroy();
    outer.destroy();
  });
}).listen(options(listen));
