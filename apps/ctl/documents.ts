/** Files of resources: YAML with several documents, or JSON; lists are taken apart. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseAllDocuments } from 'yaml';
import { CommandError, type Io, usageError } from './io.ts';

/** A document and where it was written. */
export interface SourceDocument {
  readonly value: unknown;
  /** `pools.yaml document 2`, for messages. */
  readonly where: string;
  /** The line (from 1) on which the field begins, or that of the nearest field around it that there is. */
  readonly lineOf: (field: string) => number;
}

/** Reads what `-f` named: files, folders (their .yaml, .yml and .json files in the order of their names), `-` for standard input. */
export async function readDocuments(paths: readonly string[], io: Io): Promise<SourceDocument[]> {
  const sources: { name: string; text: string }[] = [];
  for (const path of paths) {
    if (path === '-') sources.push({ name: 'standard input', text: await io.readStdin() });
    else for (const file of filesAt(path)) sources.push({ name: file, text: readText(file) });
  }
  const documents = sources.flatMap(({ name, text }) => parseDocuments(name, text));
  if (documents.length === 0)
    throw new CommandError(`there is no document in ${sources.map(({ name }) => name).join(', ')}`);
  return documents;
}

/** The documents of one text. Throws a CommandError that names document and line when it is no YAML; then nothing of it is used. */
export function parseDocuments(name: string, text: string): SourceDocument[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents: SourceDocument[] = [];
  const problems: string[] = [];
  for (const [i, document] of [...parsed].entries()) {
    const where = `${name} document ${i + 1}`;
    for (const error of document.errors)
      problems.push(`${where}, line ${lines.linePos(error.pos[0]).line}: ${error.message}`);
    if (document.errors.length > 0) continue;
    const lineOf = (path: readonly (string | number)[]) =>
      lines.linePos(nodeAt(document.contents, path)?.range?.[0] ?? 0).line;
    const value: unknown = document.toJS();
    if (value === null || value === undefined) continue;
    const items = listItems(value);
    if (!items) documents.push({ value, where, lineOf: (field) => lineOf(splitField(field)) });
    else {
      for (const [j, item] of items.entries()) {
        documents.push({
          value: item,
          where: `${where} item ${j + 1}`,
          lineOf: (field) => lineOf(['items', j, ...splitField(field)]),
        });
      }
    }
  }
  if (problems.length > 0) throw new CommandError(problems.join('\n'));
  return documents;
}

/** The items of a `List` (or `IPPoolList`, …) of Kubernetes; undefined when the value is none. */
function listItems(value: unknown): unknown[] | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('items' in value)) return undefined;
  return typeof value.kind === 'string' && value.kind.endsWith('List') && Array.isArray(value.items)
    ? value.items
    : undefined;
}

/** `spec.ingress[0].action` as path; the quoted keys of labels stay whole. */
function splitField(field: string): (string | number)[] {
  const parts = field.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g);
  return [...parts].map(([, quoted, index, name]) => (index !== undefined ? Number(index) : (quoted ?? name)));
}

/** The node of the deepest part of the path that there is; for a field of a map its key, so that the line is the one where it is named. */
function nodeAt(root: ParsedNode | null, path: readonly (string | number)[]): Node | null {
  let at: Node | null = root;
  let named: Node | null = root;
  for (const part of path) {
    if (isMap(at)) {
      const pair = at.items.find(({ key }) => isScalar(key) && key.value === part);
      if (!pair) return named;
      // In a parsed document keys and values are nodes.
      named = pair.key as Node;
      at = pair.value as Node | null;
    } else if (isSeq(at)) {
      const item = typeof part === 'number' ? at.items[part] : undefined;
      if (!item) return named;
      named = at = item as Node;
    } else return named;
  }
  return named;
}

function filesAt(path: string): string[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw usageError(`-f ${path}: ${error instanceof Error ? error.message : error}`);
  }
  if (!isFolder) return [path];
  return readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(`-f ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
