import { getSystemErrorName } from 'node:util';

/** Why the kernel refused a request. */
export interface NetlinkError {
  /** The name of the errno, such as `EEXIST`. */
  readonly code: string;
  readonly errno: number;
  /** A sentence: what was asked, of which object, the errno, and the kernel's own words where it gives some. */
  readonly message: string;
}

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: NetlinkError };
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: NetlinkError };

export const succeeded: Outcome = { ok: true };

/** The symbolic name of a positive errno: 17 is `EEXIST`. */
export function errnoName(errno: number): string {
  // EOPNOTSUPP and a few others have numbers that libuv does not know.
  const name = getSystemErrorName(-errno);
  return name.startsWith('Unknown') ? `errno ${errno}` : name;
}

/** An error value; `operation` reads as "add address 10.0.0.1/32". */
export function netlinkError(operation: string, errno: number, detail?: string): NetlinkError {
  const code = errnoName(errno);
  return { code, errno, message: `cannot ${operation}: ${code}${detail ? ` (${detail})` : ''}` };
}
