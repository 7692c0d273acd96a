/** `1 span`, `2 spans`: a number and what is counted, as a person writes it. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
