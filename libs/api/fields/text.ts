/** Building blocks of the schemas: values that are text with a meaning of its own. */
import { formatPrefix, hostPrefix, parseAddress, parsePrefix, prefixOf } from '@caracal/net';
import * as z from 'zod';
import { parseSelector } from '../selector/index.ts';

/** What an address looks like, for schemas that can hold no more than a pattern; IPv6 only roughly. */
const v4Pattern = '((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])';
const v6Pattern = '[0-9a-fA-F]*:[0-9a-fA-F:.]*';

/** A selector of Calico's grammar; kept as written, refused when it does not parse. */
export function selector(description: string) {
  return z
    .string()
    .max(10_000)
    .superRefine((text, context) => {
      const parsed = parseSelector(text);
      if (parsed.ok) return;
      const message = `${JSON.stringify(text)} does not parse at character ${parsed.offset + 1}: ${parsed.message}`;
      context.addIssue({ code: 'custom', message });
    })
    .meta({ description });
}

/** A prefix with no bits set beyond its length; kept in canonical text. */
export function strictCidr(description: string) {
  return z
    .string()
    .superRefine((text, context) => {
      const message = cidrComplaint(text);
      if (message) context.addIssue({ code: 'custom', message });
    })
    .overwrite((text) => canonicalCidr(text) ?? text)
    .meta({ description, format: 'cidr', maxLength: 49 });
}

/** A prefix or a single address (Calico's `net`); bits beyond the length are cleared, an address becomes a /32 or /128. */
export function network(description: string) {
  return z
    .string()
    .superRefine((text, context) => {
      if (canonicalCidr(text) !== undefined) return;
      const message = `${JSON.stringify(text)} is no CIDR and no address, such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32`;
      context.addIssue({ code: 'custom', message });
    })
    .overwrite((text) => canonicalCidr(text) ?? text)
    .meta({ description, pattern: `^(${v4Pattern}(/[0-9]{1,2})?|${v6Pattern}(/[0-9]{1,3})?)$`, maxLength: 49 });
}

/** An address without a length. */
export function address(description: string, family?: 4 | 6) {
  const example = family === 6 ? '2001:db8::1' : '192.0.2.1';
  const name = family ? `IPv${family} address` : 'IP address';
  return z
    .string()
    .superRefine((text, context) => {
      const parsed = parseAddress(text);
      if (parsed && (family === undefined || parsed.family === family)) return;
      context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no ${name}, such as ${example}` });
    })
    .meta({ description, ...(family && { format: `ipv${family}` }), maxLength: 45 });
}

/** The name of another object: a DNS-1123 subdomain. */
export function objectNameField(description: string) {
  return z
    .string()
    .superRefine((text, context) => {
      const complaint = nameComplaint(text);
      if (complaint) context.addIssue({ code: 'custom', message: complaint });
    })
    .meta({
      description,
      maxLength: 253,
      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
    });
}

/** Why the text is no name of an object, or undefined when it is one (RFC 1123 subdomain, at most 253 characters). */
export function nameComplaint(text: string, maxLength = 253): string | undefined {
  if (text.length > maxLength) return `${JSON.stringify(text)} has more than ${maxLength} characters`;
  const dotted = maxLength > 63;
  const pattern = dotted
    ? /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
    : /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
  if (pattern.test(text)) return undefined;
  const letters = dotted ? 'lower-case letters, digits, - and .' : 'lower-case letters, digits and -';
  return `${JSON.stringify(text)} is no name: use ${letters}, beginning and ending with a letter or digit`;
}

function cidrComplaint(text: string): string | undefined {
  if (parsePrefix(text)) return undefined;
  const canonical = text.includes('/') ? canonicalCidr(text) : undefined;
  if (canonical) return `${JSON.stringify(text)} has bits set beyond its length; the prefix is ${canonical}`;
  return `${JSON.stringify(text)} is no CIDR, such as 10.0.0.0/16 or 2001:db8::/48`;
}

/** The canonical prefix text of a CIDR (bits beyond its length cleared) or an address; undefined when it is neither. */
export function canonicalCidr(text: string): string | undefined {
  const slash = text.indexOf('/');
  const parsed = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!parsed) return undefined;
  if (slash < 0) return formatPrefix(hostPrefix(parsed));
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > 8 * parsed.bytes.length) return undefined;
  return formatPrefix(prefixOf(parsed, Number(length)));
}
