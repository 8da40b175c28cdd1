import { EAGAIN, LOCK_EX, LOCK_NB } from './constants.ts';
import { errnoName } from './errors.ts';
import { lastErrno, libc } from './libc.ts';

/**
 * Locks an open file for this process alone, without waiting (flock(2)); false when somebody has locked it. The kernel ends the lock with the
 * descriptor, so also with the process, however it dies. Throws when the file system cannot lock.
 */
export function lockFile(fd: number): boolean {
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const errno = lastErrno();
  if (errno === EAGAIN) return false;
  throw new Error(`cannot lock descriptor ${fd}: ${errnoName(errno)}`);
}
