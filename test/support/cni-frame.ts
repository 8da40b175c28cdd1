/** A request as the CNI executable frames it; see apps/agent/cni/frame.ts. `environment` is `KEY=VALUE`, each with a NUL behind it. */
export function cniFrame(environment: string, stdin: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(Buffer.byteLength(environment), 0);
  header.writeUInt32LE(Buffer.byteLength(stdin), 4);
  return Buffer.concat([header, Buffer.from(environment), Buffer.from(stdin)]);
}
