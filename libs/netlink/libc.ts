import koffi from 'koffi';

if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
  throw new Error('the kernel structures are encoded little-endian; this machine is big-endian');
}

const library = koffi.load(null);

/** Declares a libc function. */
function declare<F extends (...parameters: never[]) => unknown>(prototype: string): F {
  // koffi's functions are untyped; F restates the C prototype beside it.
  return library.func(prototype) as unknown as F;
}

/** A libc function that koffi can also run on a thread of libuv's pool. */
type Async<P extends readonly unknown[], R> = ((...parameters: P) => R) & {
  readonly async: (...parameters: [...P, (error: unknown, result: R) => void]) => void;
};

/** struct sock_fprog of linux/filter.h: the one structure here that has a pointer. */
const filterProgram = koffi.struct({ len: 'uint16_t', filter: 'const uint8_t *' });

/** The few libc functions that Node.js has no equivalent of. All of them block; each returns -1 on failure. */
export const libc = {
  socket: declare<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)'),
  close: declare<(fd: number) => number>('int close(int)'),
  send: declare<Async<[fd: number, data: Uint8Array, length: number, flags: number], number>>(
    'long send(int, const void *, size_t, int)',
  ),
  sendto: declare<
    (fd: number, data: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number) => number
  >('long sendto(int, const void *, size_t, int, const void *, uint32_t)'),
  recv: declare<Async<[fd: number, data: Uint8Array, length: number, flags: number], number>>(
    'long recv(int, void *, size_t, int)',
  ),
  setsockopt: declare<(fd: number, level: number, name: number, value: Uint8Array, length: number) => number>(
    'int setsockopt(int, int, int, const void *, uint32_t)',
  ),
  /** setsockopt with a filter's instructions as the value. */
  setFilter: library.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(filterProgram), 'uint32_t']) as (
    fd: number,
    level: number,
    name: number,
    program: { len: number; filter: Uint8Array },
    length: number,
  ) => number,
  filterProgramSize: koffi.sizeof(filterProgram),
  bind: declare<(fd: number, address: Uint8Array, length: number) => number>('int bind(int, const void *, uint32_t)'),
  getsockopt: declare<(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number>(
    'int getsockopt(int, int, int, void *, void *)',
  ),
  setns: declare<(fd: number, type: number) => number>('int setns(int, int)'),
  fstatfs: declare<(fd: number, buffer: Uint8Array) => number>('int fstatfs(int, void *)'),
  flock: declare<(fd: number, operation: number) => number>('int flock(int, int)'),
  ioctl: declare<(fd: number, request: number, argument: number) => number>('int ioctl(int, unsigned long, long)'),
  abort: declare<() => void>('void abort()'),
};

/** The errno of the last call through {@link libc} on this thread. */
export function lastErrno(): number {
  return koffi.errno();
}
