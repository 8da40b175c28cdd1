/** An IPPool as the database has it, of blocks with four addresses, so that they fill up fast. */
export const pool = (name: string, cidr: string) => ({
  apiVersion: 'caracal.network/v1',
  kind: 'IPPool',
  namespace: '',
  name,
  labels: {},
  spec: { cidr, blockSize: cidr.includes(':') ? 126 : 30, disabled: false },
});
