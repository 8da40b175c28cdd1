import { type ConnectionOptions, withHub } from '../connection.ts';
import { CommandError, type Io } from '../io.ts';
import { type OutputFormat, writeStructured } from '../output/structured.ts';

/** Looks for contradictions between addresses, blocks, nodes and pools; ends with exit code 1 when there are any. */
export async function ipamCheck(options: ConnectionOptions & { readonly output: OutputFormat }, io: Io): Promise<void> {
  const { findings, pools, blocks, addresses } = await withHub(options, io, (hub) => hub.checkIpam({}));
  if (options.output === 'json' || options.output === 'yaml') {
    const problems = findings.map(({ kind, message, remedy }) => ({ kind, message, remedy }));
    await writeStructured(io, options.output, { pools, blocks, addresses, problems });
    if (findings.length > 0) throw new CommandError('');
    return;
  }
  const looked = `looked at ${pools} pools, ${blocks} blocks, ${addresses} addresses`;
  if (findings.length === 0) {
    io.out(`${looked}: they agree\n`);
    return;
  }
  const lines = findings.map(({ kind, message, remedy }) => `${kind}: ${message}\n  ${remedy}`);
  throw new CommandError([...lines, `${looked}: ${findings.length} problems`].join('\n'));
}
