// The form of the token that lets a new node in: one word for an operator to carry, with all that the node needs to trust the hub.

export interface EnrolmentClaims {
  /** Of this token alone: it is good for once. */
  readonly id: string;
  /** The only node that it is good for. */
  readonly node: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  /** The authority's certificate (PEM), by which the node knows the hub. */
  readonly ca: string;
}

const prefix = 'caracal-enrol';

/** `sign`: the authority's signature of the text. */
export function encodeEnrolmentToken(claims: EnrolmentClaims, sign: (text: string) => Uint8Array): string {
  const text = `${prefix}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  return `${text}.${Buffer.from(sign(text)).toString('base64url')}`;
}

/** Undefined when it is no such token. Nothing is verified: `signed` and `signature` are for the hub to check. */
export function decodeEnrolmentToken(
  token: string,
): { readonly claims: EnrolmentClaims; readonly signed: string; readonly signature: Uint8Array } | undefined {
  const [name, payload = '', signature = '', ...rest] = token.trim().split('.');
  if (name !== prefix || rest.length > 0) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (!isClaims(claims)) return undefined;
    return { claims, signed: `${name}.${payload}`, signature: Buffer.from(signature, 'base64url') };
  } catch {
    return undefined;
  }
}

function isClaims(value: unknown): value is EnrolmentClaims {
  if (typeof value !== 'object' || value === null) return false;
  const { id, node, expiresAt, ca } = value as Record<string, unknown>; // an object's members
  return typeof id === 'string' && typeof node === 'string' && typeof expiresAt === 'number' && typeof ca === 'string';
}
