// An authority, and the certificates that it signs for hubs, nodes and administrators.
import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 24 * 60 * 60 * 1000;

export interface Authority {
  /** The authority's certificate, PEM. */
  readonly ca: string;
  /** Its private key (PKCS 8, PEM), for `openAuthority` in a later process. */
  readonly caKey: string;
}

export interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** `caracal:nodes`, `caracal:admins`, `caracal:hubs`, or anything else for a test. */
  readonly organization: string;
  readonly commonName: string;
  /** DNS names; a hub carries `caracal-hub`. */
  readonly dnsNames?: readonly string[];
  /** Of a server that is reached by address. */
  readonly ipAddresses?: readonly string[];
  readonly days?: number;
}

/** `years`: until every certificate of it must be replaced. */
export async function createAuthority(name = 'Caracal test authority', years = 1): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(8).toString('hex'),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + years * 365 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { ca: certificate.toString('pem'), caKey: await exportKey(keys.privateKey) };
}

/** A certificate for a key that is made for it. */
export async function issueCertificate(authority: Authority, options: CertificateOptions): Promise<IssuedCertificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return { cert: await certify(authority, keys.publicKey, options), key: await exportKey(keys.privateKey) };
}

/** A certificate for somebody's own key, an ECDSA P-256 public key as SubjectPublicKeyInfo (DER); rejects when it is none. */
export async function certifyKey(authority: Authority, spki: Uint8Array, options: CertificateOptions): Promise<string> {
  const publicKey = await webcrypto.subtle.importKey('spki', Uint8Array.from(spki), algorithm, true, ['verify']);
  return certify(authority, publicKey, options);
}

/** Good for a server too when it carries DNS names or addresses; valid from yesterday: a clock that is a little wrong refuses nothing. */
async function certify(
  authority: Authority,
  publicKey: webcrypto.CryptoKey,
  options: CertificateOptions,
): Promise<string> {
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  const serverNames = [
    ...(options.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(options.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const issuer = new x509.X509Certificate(authority.ca);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    x509.PemConverter.decode(authority.caKey)[0]!,
    algorithm,
    false,
    ['sign'],
  );
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(8).toString('hex'),
    subject: new x509.Name([{ O: [options.organization] }, { CN: [options.commonName] }]).toString(),
    issuer: issuer.subject,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + (options.days ?? 365) * day),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([clientAuth, ...(serverNames.length > 0 ? [serverAuth] : [])]),
      ...(serverNames.length > 0 ? [new x509.SubjectAlternativeNameExtension(serverNames)] : []),
    ],
  });
  return certificate.toString('pem');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
