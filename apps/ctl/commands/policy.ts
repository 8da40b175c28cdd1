import { type AnyResource, checkTogether, objectName, parseAll } from '@caracal/api';
import { type Evaluation, type Explanation, explain, formatExplanation, type World } from '@caracal/policy';
import { type ConnectionOptions, withHub } from '../connection.ts';
import { CommandError, exitCodes, type Io } from '../io.ts';
import { writeStructured } from '../output/structured.ts';
import { type FlowOptions, type Question, questionsOf } from '../policy/flows.ts';
import { laggingNodes, lagLines } from '../policy/lag.ts';
import { type Known, readKnown, worldOf } from '../policy/world.ts';
import { problemLines } from '../report-problems.ts';

interface PolicyOptions extends ConnectionOptions, FlowOptions {
  readonly output: 'text' | 'json';
}

/** The verdict on one flow, or on each of a batch, by the resources that the hub holds. */
export async function explainFlows(options: PolicyOptions, io: Io): Promise<void> {
  const { batch, questions } = await questionsOf(options, io);
  const known = await withHub(options, io, readKnown);
  const world = worldOf(known);
  const answers = questions.map((question) => ({ question, evaluation: explain(world, question.flow) }));
  if (options.output === 'json') {
    const verdicts = answers.map(({ question, evaluation }) => ({
      ...question.asked,
      ...plain(evaluation),
      revision: known.revision,
    }));
    await writeStructured(
      io,
      'json',
      batch ? verdicts : { ...verdicts[0], lagging: laggingNodes(known.nodes, known.revision) },
    );
  } else {
    for (const { question, evaluation } of answers) io.out(`${text(question, evaluation)}\n`);
    io.out(`${lagLines(known.nodes, known.revision).join('\n')}\n`);
  }
  failOn(answers.map(({ evaluation }) => evaluation));
}

/** The verdicts as they are and as they would be with the resources of the files; nothing is stored. */
export async function whatIf(options: PolicyOptions & { readonly filename: readonly string[] }, io: Io): Promise<void> {
  const { batch, questions } = await questionsOf(options, io);
  const { readDocuments } = await import('../documents.ts');
  const documents = await readDocuments(options.filename, io);
  const { resources, problems, warnings } = parseAll(documents.map(({ value }) => value));
  for (const line of problemLines(warnings, documents)) io.err(`warning: ${line}\n`);
  if (problems.length > 0) throw new CommandError(problemLines(problems, documents).join('\n'));
  const known = await withHub(options, io, readKnown);
  const overlay = resources.map(({ resource }) => resource);
  refuseContradictions(known, overlay);
  const [now, then] = [worldOf(known), worldOf(known, overlay)];
  const answers = questions.map((question) => ({ question, ...both(now, then, question) }));
  if (options.output === 'json') {
    const verdicts = answers.map(({ question, before, after, changed }) => ({
      ...question.asked,
      changed,
      current: plain(before),
      whatIf: plain(after),
      revision: known.revision,
    }));
    await writeStructured(io, 'json', batch ? verdicts : verdicts[0]);
  } else {
    for (const { question, before, after, changed } of answers) {
      const was = before.ok ? (before.verdict.allowed ? 'allowed' : 'DENIED') : before.message;
      io.out(
        `${text(question, after)}\n  ${changed ? `CHANGED: by revision ${known.revision} it is ${was}` : `no change: it is ${was} now`}\n`,
      );
    }
  }
  failOn(answers.map(({ after }) => after));
}

function both(now: World, then: World, { flow }: Question) {
  const [before, after] = [explain(now, flow), explain(then, flow)];
  const allowed = (evaluation: Evaluation<Explanation>) => evaluation.ok && evaluation.verdict.allowed;
  return { before, after, changed: before.ok !== after.ok || allowed(before) !== allowed(after) };
}

/** What the hub would refuse among all resources, as far as the files bring it about. */
function refuseContradictions(known: Known, overlay: readonly AnyResource[]): void {
  const nameOf = ({ kind, metadata }: AnyResource) => objectName(kind, metadata);
  const names = new Set(overlay.map(nameOf));
  const together = [...known.resources.filter((resource) => !names.has(nameOf(resource))), ...overlay];
  const problems = checkTogether(together).filter(({ object }) => names.has(object));
  if (problems.length === 0) return;
  throw new CommandError(problems.map(({ object, field, message }) => `${object}: ${field}: ${message}`).join('\n'));
}

function text({ asked }: Question, evaluation: Evaluation<Explanation>): string {
  if (evaluation.ok) return formatExplanation(evaluation.verdict);
  return `${asked.from} to ${asked.to}: ${evaluation.message}`;
}

function plain(evaluation: Evaluation<Explanation>): object {
  if (!evaluation.ok) return { error: evaluation.message };
  const { flow: _, ...verdict } = evaluation.verdict;
  return verdict;
}

/** A verdict is an answer, whichever it is; a question that has none is a failure. The answers have been printed. */
function failOn(evaluations: readonly Evaluation<Explanation>[]): void {
  if (evaluations.some(({ ok }) => !ok)) throw new CommandError('', exitCodes.refused);
}
