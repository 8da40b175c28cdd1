// Certificates for tests and lab, made by what makes them for real.
export { type Authority, createAuthority, issueCertificate } from '../../apps/hub/certificates/authority.ts';
