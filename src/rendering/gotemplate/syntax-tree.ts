import type { GoComplex } from './value.ts';

/** Syntax tree of a template. `start` and `end` are offsets into the source. */
interface Span {
  start: number;
  end: number;
}

interface DotNode extends Span {
  kind: 'dot';
}
interface NilNode extends Span {
  kind: 'nil';
}
interface BoolNode extends Span {
  kind: 'bool';
  value: boolean;
}
/** An untyped constant: usable as an integer, as a float, or as both. */
export interface NumberNode extends Span {
  kind: 'number';
  text: string;
  integer?: bigint;
  float?: number;
  /** What it is where no type is asked for. */
  ideal: bigint | number | GoComplex;
}
interface StringNode extends Span {
  kind: 'string';
  value: string;
}
/** `$x.A.B` */
interface VariableNode extends Span {
  kind: 'variable';
  name: string;
  fields: string[];
}
/** `.A.B` */
interface FieldNode extends Span {
  kind: 'field';
  fields: string[];
}
/** `(pipeline).A.B` */
interface ChainNode extends Span {
  kind: 'chain';
  operand: OperandNode;
  fields: string[];
}
/** A function's name. */
export interface FunctionNode extends Span {
  kind: 'function';
  name: string;
}
export interface CommandNode extends Span {
  kind: 'command';
  operands: OperandNode[];
}
export interface PipelineNode extends Span {
  kind: 'pipeline';
  variables: string[];
  /** `=` instead of `:=`. */
  assigns: boolean;
  commands: CommandNode[];
}
export type OperandNode =
  | DotNode
  | NilNode
  | BoolNode
  | NumberNode
  | StringNode
  | VariableNode
  | FieldNode
  | ChainNode
  | FunctionNode
  | PipelineNode;

interface TextNode extends Span {
  kind: 'text';
  text: string;
}
interface ActionNode extends Span {
  kind: 'action';
  pipeline: PipelineNode;
}
export interface BranchNode extends Span {
  kind: 'if' | 'with' | 'range';
  pipeline: PipelineNode;
  body: StatementNode[];
  otherwise: StatementNode[] | undefined;
}
export interface TemplateCallNode extends Span {
  kind: 'template';
  name: string;
  pipeline: PipelineNode | undefined;
}
interface LoopControlNode extends Span {
  kind: 'break' | 'continue';
}
export type StatementNode = TextNode | ActionNode | BranchNode | TemplateCallNode | LoopControlNode;

/** A parsed template with everything it defines. Immutable: it is shared between renderings. */
export interface Template {
  name: string;
  source: string;
  body: readonly StatementNode[];
  /** `define` and `block`, by name. */
  definitions: ReadonlyMap<string, readonly StatementNode[]>;
  /** Every function that is named, at its first place. */
  functions: ReadonlyMap<string, FunctionNode>;
}
