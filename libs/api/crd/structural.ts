/** From the schema of a spec to the structural OpenAPI schema that a CustomResourceDefinition may hold. */
import * as z from 'zod';
import type { PlainObject } from '../plain.ts';

/** OpenAPI as CustomResourceDefinitions have it. */
export interface StructuralSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly items?: StructuralSchema;
  readonly [keyword: string]: unknown;
}

/**
 * The schema of what may be written (defaults are filled in by the API server). Unknown fields are not named by it: the API server refuses them by
 * itself when it is asked to be strict, as kubectl does.
 */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  // JSON Schema is a plain object with string keys.
  return structural(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as PlainObject);
}

/** Keywords that mean the same in both; the others are dropped or rewritten. */
const kept = [
  'type',
  'description',
  'default',
  'enum',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'required',
];

function structural(json: PlainObject): StructuralSchema {
  const result: Record<string, unknown> = {};
  for (const keyword of kept) if (json[keyword] !== undefined) result[keyword] = json[keyword];
  for (const [keyword, value] of Object.entries(json)) if (keyword.startsWith('x-kubernetes-')) result[keyword] = value;
  if (result.description === '') delete result.description;
  if (result.type === 'integer') {
    // z.int() has JavaScript's bounds.
    if (result.maximum === Number.MAX_SAFE_INTEGER) delete result.maximum;
    if (result.minimum === Number.MIN_SAFE_INTEGER) delete result.minimum;
    result.format = 'int64';
  }
  if (json['x-kubernetes-int-or-string'] === true) delete result.type;
  // Below, what zod writes has the shape that its JSON Schema says.
  if (json.anyOf && !json['x-kubernetes-int-or-string'])
    Object.assign(result, oneOfNumbers(json.anyOf as PlainObject[]));
  if (json.properties) {
    const fields = Object.entries(json.properties as Record<string, PlainObject>);
    result.properties = Object.fromEntries(fields.map(([name, field]) => [name, structural(field)]));
  } else if (json.type === 'object') {
    result.additionalProperties = structural(json.additionalProperties as PlainObject);
  }
  if (json.items) result.items = structural(json.items as PlainObject);
  return result;
}

/** A union of numbers and ranges of numbers, which is all that the schemas have: an enumeration, or bounds around all of it with a rule for the gap. */
function oneOfNumbers(members: readonly PlainObject[]): Record<string, unknown> {
  const constants = members.filter((member) => typeof member.const === 'number').map((member) => Number(member.const));
  const ranges = members.filter((member) => member.const === undefined);
  if (ranges.length === 0) return { type: 'integer', format: 'int64', enum: constants };
  const [range] = ranges;
  if (ranges.length > 1 || range.type !== 'integer')
    throw new Error(`no structural schema for ${JSON.stringify(members)}`);
  const [minimum, maximum] = [Number(range.minimum), Number(range.maximum)];
  return {
    type: 'integer',
    format: 'int64',
    minimum: Math.min(minimum, ...constants),
    maximum: Math.max(maximum, ...constants),
    'x-kubernetes-validations': [
      {
        rule: [...constants.map((each) => `self == ${each}`), `self >= ${minimum}`].join(' || '),
        message: `must be ${constants.join(' or ')}, or between ${minimum} and ${maximum}`,
      },
    ],
  };
}
