import type { Io } from '../io.ts';

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml';

/** Writes a value as JSON or YAML; bigint (the protocol's 64-bit numbers) becomes a number. */
export async function writeStructured(io: Io, format: 'json' | 'yaml', value: unknown): Promise<void> {
  const plain: unknown = JSON.parse(
    JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? Number(each) : each)),
  );
  if (format === 'json') {
    io.out(`${JSON.stringify(plain, null, 2)}\n`);
    return;
  }
  const { stringify } = await import('yaml');
  const documents = Array.isArray(plain) ? plain : [plain];
  io.out(documents.map((document) => stringify(document)).join('---\n'));
}
