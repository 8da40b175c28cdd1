import { asTrans } from './iana.ts';

/** The two-octet field of an AS number: AS_TRANS stands for one that does not fit (RFC 6793 section 4.2.2). */
export function twoOctetAs(asNumber: number): number {
  return asNumber > 0xffff ? asTrans : asNumber;
}
