import { checkTogether, parseAll } from '@caracal/api';
import { readDocuments } from '../documents.ts';
import { CommandError, type Io } from '../io.ts';
import { problemLines } from '../report-problems.ts';

/** Checks documents without a hub: each by itself, and pools among themselves; whether a tier exists only the hub knows. */
export async function validate(options: { readonly filename: readonly string[] }, io: Io): Promise<void> {
  const documents = await readDocuments(options.filename, io);
  const { resources, problems, warnings } = parseAll(documents.map(({ value }) => value));
  const pools = resources.filter(({ resource }) => resource.kind === 'IPPool');
  const overlaps = checkTogether(pools.map(({ resource }) => resource)).map((problem) => ({
    document: pools.find(({ resource }) => `IPPool/${resource.metadata.name}` === problem.object)!.document,
    ...problem,
  }));
  for (const line of problemLines(warnings, documents)) io.err(`warning: ${line}\n`);
  const all = [...problems, ...overlaps].sort((a, b) => a.document - b.document);
  if (all.length > 0) throw new CommandError(problemLines(all, documents).join('\n'));
  io.out(documents.length === 1 ? '1 document is right\n' : `${documents.length} documents are right\n`);
}
