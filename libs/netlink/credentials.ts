import { SO_PEERCRED, SOL_SOCKET } from './constants.ts';
import { errnoName } from './errors.ts';
import { layout } from './layout.ts';
import { lastErrno, libc } from './libc.ts';

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who connected to this end of a unix socket, as the kernel noted it then (unix(7), SO_PEERCRED). Throws on other descriptors. */
export function getPeerCredentials(fd: number): PeerCredentials {
  const value = new Uint8Array(layout.ucred.size);
  const length = Uint8Array.of(layout.ucred.size, 0, 0, 0);
  if (libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) < 0) {
    throw new Error(`cannot read the peer's credentials of descriptor ${fd}: ${errnoName(lastErrno())}`);
  }
  const view = new DataView(value.buffer);
  return {
    pid: view.getInt32(layout.ucred.pid, true),
    uid: view.getUint32(layout.ucred.uid, true),
    gid: view.getUint32(layout.ucred.gid, true),
  };
}
