/** Another operator leads: Postgres takes nothing more of this term. */
export class Fenced extends Error {
  constructor() {
    super('another operator leads');
    this.name = 'Fenced';
  }
}
