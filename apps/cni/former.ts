/** Where the file is kept that lay under a name of ours before the last installation: no runtime looks for a plugin of that name. */
export const former = (name: string): string => `${name}.former`;
