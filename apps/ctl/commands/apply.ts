import { type ConnectionOptions, withHub } from '../connection.ts';
import { readDocuments } from '../documents.ts';
import { CommandError, type Io } from '../io.ts';
import { problemLines } from '../report-problems.ts';

export interface ApplyOptions extends ConnectionOptions {
  readonly filename: readonly string[];
  readonly dryRun?: boolean;
}

/** Sends all documents in one call: the hub stores all of them or none. */
export async function apply(options: ApplyOptions, io: Io): Promise<void> {
  const documents = await readDocuments(options.filename, io);
  const response = await withHub(options, io, (hub) =>
    hub.apply({ documents: documents.map(({ value }) => JSON.stringify(value)), dryRun: options.dryRun ?? false }),
  );
  for (const line of problemLines(response.warnings, documents)) io.err(`warning: ${line}\n`);
  if (response.problems.length > 0) {
    throw new CommandError([...problemLines(response.problems, documents), 'nothing was changed'].join('\n'));
  }
  for (const { object, outcome } of response.applied)
    io.out(`${object} ${outcome}${options.dryRun ? ' (dry run)' : ''}\n`);
}
