/** `npm run soak -- NAME [ARGUMENTS]`: the long enumerations; each is a file of this folder, with its usage at its head. */
const [name, ...rest] = process.argv.slice(2);
if (!name || !/^[a-z][a-z-]*$/.test(name) || name === 'main') {
  console.error('usage: npm run soak -- NAME, where NAME is a file of test/soak without .ts');
  process.exitCode = 2;
} else {
  const soak: { run(args: string[]): void | Promise<void> } = await import(`./${name}.ts`);
  await soak.run(rest);
}
