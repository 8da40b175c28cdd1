/**
 * Whether a prefix can be no route (RFC 4271 section 6.3: an unexpected multicast address is ignored): multicast,
 * loopback, and link-local of IPv6. The address has 4 or 16 octets at `at`, or at least those that the length needs.
 */
export function isMartian(family: 4 | 6, bytes: Uint8Array, at: number, length: number): boolean {
  const first = bytes[at];
  if (family === 4) return (length >= 4 && first >> 4 === 0xe) || (length >= 8 && first === 127);
  if (length >= 8 && first === 0xff) return true;
  if (length >= 10 && first === 0xfe && (bytes[at + 1] & 0xc0) === 0x80) return true;
  return length === 128 && first === 0 && isLoopback(bytes, at);
}

/** ::1 */
function isLoopback(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 15; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 15] === 1;
}
