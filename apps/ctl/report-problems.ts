import type { SourceDocument } from './documents.ts';

interface FieldProblem {
  readonly document: number;
  readonly object: string;
  readonly field: string;
  readonly message: string;
}

/** A line for each problem, with the place where it was written: `pools.yaml document 2, line 9: IPPool/x: spec.cidr: …`. */
export function problemLines(problems: readonly FieldProblem[], documents: readonly SourceDocument[]): string[] {
  return problems.map(({ document, object, field, message }) => {
    const source = documents[document];
    const where = source ? `${source.where}, line ${source.lineOf(field)}` : '';
    return [where, object, field, message].filter((part) => part !== '').join(': ');
  });
}
