/** A deliberate change of what a component does. */
export interface Mutation {
  /** Kind and type of the component, or `sending`: what stands before exporters. */
  readonly of: string;
  /** What goes wrong. */
  readonly change: string;
  readonly file: string;
  /** Text that is there once. */
  readonly from: string;
  readonly to: string;
  /** The replay that should notice; when it does not, the others are asked, too. */
  readonly seenBy: string;
  /** What the report has to name: the item, attribute, count or reason that changed. */
  readonly tells: RegExp;
}
