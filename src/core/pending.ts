/** What is known now, or later. Nobody waits for a turn of the event loop, or a promise, where the answer is there already. */
export type Pending<T> = T | Promise<T>;

/** `next` at once where the value is there, else when it is. A throw of `next` is a throw, or a rejection. */
export function after<T, U>(value: Pending<T>, next: (value: T) => U): Pending<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
