import { takeCalicoFields } from './calico-fields.ts';
import { type Complaint, explainIssue, unknownField } from './explain-issue.ts';
import { unknownKind } from './kind-advice.ts';
import { specSchemas } from './kinds/index.ts';
import { calicoApiVersion, factsOf, type Kind, kindOf } from './kinds.ts';
import { localRules } from './local-rules.ts';
import { parseMetadata } from './metadata.ts';
import { isPlainObject, show, withoutNulls } from './plain.ts';
import { type AnyResource, objectName, type Problem } from './resource.ts';

/** A validated resource with its warnings, or all that is wrong with the document. */
export type ParsedResource =
  | { readonly ok: true; readonly resource: AnyResource; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const documentFields = ['apiVersion', 'kind', 'metadata', 'spec'];

/**
 * Validates one document (a plain value, as YAML or JSON gives it) and fills in the defaults. Documents of `projectcalico.org/v3` are taken as ours;
 * fields that are null count as absent; `status` and what API servers add to metadata are left out. Never throws on a document.
 */
export function parseResource(document: unknown): ParsedResource {
  const given = withoutNulls(document);
  if (!isPlainObject(given)) {
    return {
      ok: false,
      problems: [
        { object: '', field: '', message: `${show(document)} is no resource: a map with ${documentFields.join(', ')}` },
      ],
    };
  }
  const { apiVersion, kind: kindText } = given;
  const kind =
    typeof apiVersion === 'string' && typeof kindText === 'string' ? kindOf(apiVersion, kindText) : undefined;
  if (!kind) return { ok: false, problems: [withoutKind(given)] };

  const { metadata, complaints } = parseMetadata(kind, given.metadata);
  const object = objectName(kind, metadata.name === '' ? { ...metadata, name: '(unnamed)' } : metadata);
  const problems = complaints.map((complaint): Problem => ({ object, ...complaint }));
  const warnings: Problem[] = [];
  // Core objects are read in part only: whatever else they hold is left out.
  for (const key of factsOf(kind).apiVersion === 'v1' ? [] : Object.keys(given)) {
    if (![...documentFields, 'status'].includes(key))
      problems.push({ object, field: key, message: unknownField(key, documentFields) });
  }

  const { spec: rest, findings } = takeCalicoFields(
    kind,
    isPlainObject(given.spec) ? given.spec : {},
    apiVersion === calicoApiVersion,
  );
  for (const { effect, field, message } of findings)
    (effect === 'refused' ? problems : warnings).push({ object, field, message });
  const parsed = parseSpec(kind, given.spec !== undefined && !isPlainObject(given.spec) ? given.spec : rest);
  if (!parsed.ok)
    return { ok: false, problems: [...problems, ...parsed.complaints.map((each) => ({ object, ...each }))] };

  // The spec was made by the schema of this very kind.
  const resource = { apiVersion: factsOf(kind).apiVersion, kind, metadata, spec: parsed.spec } as AnyResource;
  const own = localRules(resource);
  problems.push(...(own.complaints ?? []).map((each) => ({ object, ...each })));
  warnings.push(...(own.warnings ?? []).map((each) => ({ object, ...each })));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, resource, warnings };
}

/** A problem or warning of one of several documents; `document` counts from 0. */
export type DocumentProblem = Problem & { readonly document: number };

export interface ParsedResources {
  /** Those that are right, with the index of the document that each came from. */
  readonly resources: readonly { readonly document: number; readonly resource: AnyResource }[];
  /** Empty when every document is right. */
  readonly problems: readonly DocumentProblem[];
  readonly warnings: readonly DocumentProblem[];
}

/** Validates several documents, each by itself; an object that appears twice is a problem. What needs other objects to judge: {@link checkTogether}. */
export function parseAll(documents: readonly unknown[]): ParsedResources {
  const resources: { document: number; resource: AnyResource }[] = [];
  const problems: DocumentProblem[] = [];
  const warnings: DocumentProblem[] = [];
  const seen = new Map<string, number>();
  for (const [document, value] of documents.entries()) {
    const parsed = parseResource(value);
    if (!parsed.ok) {
      problems.push(...parsed.problems.map((problem) => ({ document, ...problem })));
      continue;
    }
    const object = objectName(parsed.resource.kind, parsed.resource.metadata);
    const earlier = seen.get(object);
    if (earlier !== undefined) {
      problems.push({ document, object, field: 'metadata.name', message: `stands in document ${earlier + 1} already` });
    }
    seen.set(object, document);
    resources.push({ document, resource: parsed.resource });
    warnings.push(...parsed.warnings.map((warning) => ({ document, ...warning })));
  }
  return { resources, problems, warnings };
}

function withoutKind(given: Readonly<Record<string, unknown>>): Problem {
  const { apiVersion, kind, metadata } = given;
  const name = isPlainObject(metadata) && typeof metadata.name === 'string' ? metadata.name : '(unnamed)';
  const object = typeof kind === 'string' ? `${kind}/${name}` : '';
  if (typeof kind !== 'string')
    return { object, field: 'kind', message: kind === undefined ? 'is missing' : `${show(kind)} is no text` };
  if (typeof apiVersion !== 'string') {
    return {
      object,
      field: 'apiVersion',
      message:
        apiVersion === undefined ? 'is missing: caracal.network/v1, for most kinds' : `${show(apiVersion)} is no text`,
    };
  }
  return { object, ...unknownKind(apiVersion, kind) };
}

function parseSpec(
  kind: Kind,
  spec: unknown,
): { ok: true; spec: unknown } | { ok: false; complaints: readonly Complaint[] } {
  const schema = specSchemas[kind];
  const parsed = schema.safeParse(spec, { reportInput: true });
  if (parsed.success) return { ok: true, spec: parsed.data };
  return { ok: false, complaints: parsed.error.issues.flatMap((issue) => explainIssue(issue, schema, ['spec'])) };
}
