/** Who is measured beside each other, by number: the order is another one every second time, so that nobody always goes first. */
export function inTurn(contenders: number, time: number): readonly number[] {
  const turn = Array.from({ length: contenders }, (_, which) => which);
  return time % 2 ? turn.reverse() : turn;
}
