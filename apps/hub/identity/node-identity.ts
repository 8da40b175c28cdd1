/** Who a bearer token makes its holder. Refusals are values: their message goes to the caller, and never holds the token. */
export type Identified =
  | { readonly ok: true; readonly node: string }
  | { readonly ok: false; readonly reason: 'refused' | 'unavailable'; readonly message: string };

export interface NodeIdentity {
  identify(token: string): Promise<Identified>;
}
