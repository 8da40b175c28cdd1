import type { SetDefinition, SetId } from '@caracal/policy';
import { setName } from '../render/names.ts';

/** The definitions of the sets of the compiled state, by id and by their names in the kernel. */
export class SetDirectory {
  readonly #byId = new Map<SetId, SetDefinition>();
  readonly #idsByName = new Map<string, SetId>();

  get(id: SetId): SetDefinition | undefined {
    return this.#byId.get(id);
  }

  idOf(name: string): SetId | undefined {
    return this.#idsByName.get(name);
  }

  /** Whether the set is new. */
  define(definition: SetDefinition): boolean {
    const isNew = !this.#byId.has(definition.id);
    this.#byId.set(definition.id, definition);
    this.#idsByName.set(setName(definition), definition.id);
    return isNew;
  }

  /** Forgets the set; answers with its definition if it was known. */
  remove(id: SetId): SetDefinition | undefined {
    const definition = this.#byId.get(id);
    if (definition) {
      this.#byId.delete(id);
      this.#idsByName.delete(setName(definition));
    }
    return definition;
  }
}
