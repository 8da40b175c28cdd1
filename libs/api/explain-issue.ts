/** From the schema library's issues to sentences that say what is wrong and what would be right. */
import type * as z from 'zod';
import { nearest } from './nearest.ts';
import { formatPath, show } from './plain.ts';

/** A field and what is wrong with it; an issue about several unknown fields becomes several of these. */
export interface Complaint {
  readonly field: string;
  readonly message: string;
}

const expectedNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  record: 'a map of fields',
};

/** What an issue of the schema says, with the path of fields before it. `root` is where the schema lies in the document, e.g. `['spec']`. */
export function explainIssue(issue: z.core.$ZodIssue, schema: z.core.$ZodType, root: readonly string[]): Complaint[] {
  const path = [...root, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownFields(descend(schema, issue.path));
    return issue.keys.map((key) => ({ field: formatPath([...path, key]), message: unknownField(key, known) }));
  }
  return [{ field: formatPath(path), message: messageOf(issue, schema) }];
}

/** What is said of a field that no schema has. */
export function unknownField(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  if (meant) return `unknown field; did you mean ${meant}?`;
  return known.length > 0 ? `unknown field; there are ${known.join(', ')}` : 'unknown field';
}

function messageOf(issue: z.core.$ZodIssue, schema: z.core.$ZodType): string {
  const { input } = issue;
  if (issue.code === 'custom') return issue.message;
  if (input === undefined) return missing(issue, descend(schema, issue.path));
  switch (issue.code) {
    case 'invalid_type':
      if (typeof input === 'number' && issue.expected === 'int') return `${input} is not a whole number`;
      return `${show(input)} is ${typeName(input)}, not ${expectedNames[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return isGeneric(issue.message) ? notOneOf(input, issue.values.map(String)) : issue.message;
    case 'invalid_union': {
      const closest = issue.errors.find((errors) => errors.length > 0 && errors.every((each) => each.path.length > 0));
      if (closest) return closest[0].message;
      return `${show(input)} is ${typeName(input)}, not a number or text`;
    }
    case 'too_big':
    case 'too_small':
      return isGeneric(issue.message) ? outOfBounds(issue) : issue.message;
    default:
      return issue.message;
  }
}

function missing(issue: z.core.$ZodIssue, schema: z.core.$ZodType | undefined): string {
  const description = schema && descriptionOf(schema);
  if (issue.code === 'invalid_value' && issue.values.length > 1) return `is missing: one of ${issue.values.join(', ')}`;
  if (!description) return 'is missing';
  const sentence = description.split(/[.:](?: |$)/)[0];
  return `is missing: ${sentence[0].toLowerCase()}${sentence.slice(1)}`;
}

function notOneOf(input: unknown, values: readonly string[]): string {
  const meant = typeof input === 'string' ? nearest(input, values) : undefined;
  if (values.length === 1) return `${show(input)} is not ${values[0]}`;
  return `${show(input)} is not one of ${values.join(', ')}${meant ? `; did you mean ${meant}?` : ''}`;
}

function outOfBounds(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): string {
  const unit = issue.origin === 'string' ? 'characters' : issue.origin === 'array' ? 'items' : '';
  const bound = issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
  return unit ? `has ${sizeOf(issue.input)} ${unit}, and may have ${bound}` : `${show(issue.input)} must be ${bound}`;
}

function sizeOf(input: unknown): number {
  return typeof input === 'string' || Array.isArray(input) ? input.length : 0;
}

/** The library's own words; messages of our schemas begin otherwise. */
function isGeneric(message: string): boolean {
  return /^(Invalid|Too )/.test(message);
}

function typeName(input: unknown): string {
  if (input === null) return 'empty';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'a map of fields';
  return typeof input === 'string' ? 'text' : `a ${typeof input}`;
}

/** The schema at a path, through optional fields, defaults and lists; undefined where the path leaves what is declared. */
function descend(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  let at: z.core.$ZodType | undefined = schema;
  for (const part of path) {
    const def: z.core.$ZodTypes['_zod']['def'] | undefined = at && definition(at);
    if (def?.type === 'object') at = def.shape[String(part)];
    else if (def?.type === 'array') at = def.element;
    else return undefined;
  }
  return at;
}

/** What a schema is, beneath what wraps it. */
function definition(schema: z.core.$ZodType): z.core.$ZodTypes['_zod']['def'] {
  // Every schema is one of the library's own classes, which this union lists.
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
      return definition(def.innerType);
    case 'pipe':
      return definition(def.in);
    default:
      return def;
  }
}

function knownFields(schema: z.core.$ZodType | undefined): readonly string[] {
  const def = schema && definition(schema);
  return def?.type === 'object' ? Object.keys(def.shape) : [];
}

function descriptionOf(schema: z.core.$ZodType): string | undefined {
  // The description lies in the library's global registry, which classic schemas show as a property.
  return (schema as z.ZodType).description;
}
