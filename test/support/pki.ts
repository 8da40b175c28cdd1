// Certificates for tests and lab, made by what makes them for real.
export {
  type Authority,
  createAuthority,
  type IssuedCertificate,
  issueCertificate,
} from '../../apps/hub/certificates/authority.ts';
