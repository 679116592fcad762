import { builtinFunctions } from './builtin-functions.ts';
import { fieldOf, missingField } from './field-access.ts';
import { formatValue } from './format.ts';
import { fitsParameter, parameterTypeName } from './parameters.ts';
import type { ReadObserver } from './read-observer.ts';
import type {
  BranchNode,
  CommandNode,
  FunctionNode,
  OperandNode,
  PipelineNode,
  StatementNode,
  Template,
  TemplateCallNode,
} from './syntax-tree.ts';
import { positionOf, TemplateError, TemplateFunctionError } from './template-error.ts';
import { defaultTemplateLimits, type OutputTrace, type TemplateLimits } from './template-limits.ts';
import { GoFunction, GoMap, type GoValue, isList, isTrue, type ParameterType, typeName } from './value.ts';
import { VariableStack } from './variable-stack.ts';

/**
 * Executes a template with `data` as dot. `functions` are looked up before the language's own. Keys that a map does not have
 * are errors (`missingkey=error`). Throws TemplateError with the place of the expression that failed.
 */
export function executeTemplate(
  template: Template,
  data: GoValue,
  functions: ReadonlyMap<string, GoFunction>,
  options: ExecutionOptions = {},
): string {
  for (const [name, node] of template.functions) {
    if (!functions.has(name) && !builtinFunctions.has(name)) {
      throw new TemplateError(
        template.name,
        positionOf(template.source, node.start),
        `function ${JSON.stringify(name)} is not defined`,
      );
    }
  }
  return new Evaluator(template, functions, options).run(data);
}

export interface ExecutionOptions {
  limits?: TemplateLimits;
  trace?: OutputTrace;
  reads?: ReadObserver;
  /** Why a function must not be called with these arguments; undefined when it may. */
  refuse?: (name: string, args: readonly GoValue[]) => string | undefined;
}

type Flow = 'next' | 'break' | 'continue';
interface Span {
  start: number;
  end: number;
}
/** What an item of a list counts against the limit of output. */
const bytesOfItem = 16;
/** No value is piped into the command. */
const nothing = Symbol('nothing');
type Piped = GoValue | typeof nothing;

class Evaluator {
  readonly #template: Template;
  readonly #functions: ReadonlyMap<string, GoFunction>;
  readonly #limits: TemplateLimits;
  readonly #trace: OutputTrace | undefined;
  readonly #reads: ReadObserver | undefined;
  readonly #refuse: ExecutionOptions['refuse'];
  readonly #output: string[] = [];
  #outputLength = 0;
  #steps = 0;
  #depth = 0;
  #variables = new VariableStack(null);

  constructor(template: Template, functions: ReadonlyMap<string, GoFunction>, options: ExecutionOptions) {
    this.#template = template;
    this.#functions = functions;
    this.#limits = options.limits ?? defaultTemplateLimits;
    this.#trace = options.trace;
    this.#reads = options.reads;
    this.#refuse = options.refuse;
  }

  run(data: GoValue): string {
    this.#variables = new VariableStack(data);
    this.#walkList(this.#template.body, data);
    return this.#output.join('');
  }

  #walkList(list: readonly StatementNode[], dot: GoValue): Flow {
    for (const statement of list) {
      const flow = this.#walk(statement, dot);
      if (flow !== 'next') return flow;
    }
    return 'next';
  }

  #walk(node: StatementNode, dot: GoValue): Flow {
    this.#step(node);
    switch (node.kind) {
      case 'text':
        this.#write(node.text, node, true);
        return 'next';
      case 'action': {
        const value = this.#evaluatePipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.#print(value, node.pipeline);
        return 'next';
      }
      case 'if':
      case 'with':
        return this.#walkCondition(node, dot);
      case 'range':
        return this.#walkRange(node, dot);
      case 'template':
        this.#callTemplate(node, dot);
        return 'next';
      default:
        return node.kind;
    }
  }

  #walkCondition(node: BranchNode, dot: GoValue): Flow {
    const scope = this.#variables.depth;
    const value = this.#evaluatePipeline(node.pipeline, dot);
    if (value instanceof GoMap) this.#reads?.whole(value);
    const chosen = isTrue(value) ? node.body : node.otherwise;
    const inner = node.kind === 'with' && isTrue(value) ? value : dot;
    const flow = chosen === undefined ? 'next' : this.#walkList(chosen, inner);
    this.#variables.release(scope);
    return flow;
  }

  #walkRange(node: BranchNode, dot: GoValue): Flow {
    const scope = this.#variables.depth;
    const value = this.#evaluatePipeline(node.pipeline, dot);
    this.#reads?.whole(value);
    const items = this.#itemsOf(value, node);
    const inner = this.#variables.depth;
    let any = false;
    for (const [key, item] of items) {
      any = true;
      this.#step(node);
      this.#setLoopVariables(node.pipeline, key, item);
      const flow = this.#walkList(node.body, item);
      this.#variables.release(inner);
      if (flow === 'break') break;
    }
    const flow = !any && node.otherwise !== undefined ? this.#walkList(node.otherwise, dot) : 'next';
    this.#variables.release(scope);
    return flow;
  }

  *#itemsOf(value: GoValue, node: BranchNode): Generator<[GoValue, GoValue]> {
    if (value === null) return;
    if (isList(value)) {
      for (let i = 0; i < value.length; i++) yield [BigInt(i), value[i] as GoValue];
    } else if (value instanceof GoMap) {
      for (const key of value.sortedKeys) yield [key, value.entries.get(key) as GoValue];
    } else if (typeof value === 'bigint') {
      if (node.pipeline.variables.length > 1) this.#fail(node.pipeline, `can't range over ${value} with two variables`);
      for (let i = 0n; i < value; i++) yield [i, i];
    } else
      this.#fail(
        node.pipeline,
        this.#reads?.sawSecret === true
          ? `range can't iterate over a value of type ${typeName(value)}`
          : `range can't iterate over ${shortened(this.#format(value, node))} of type ${typeName(value)}`,
      );
  }

  #setLoopVariables(pipeline: PipelineNode, key: GoValue, item: GoValue): void {
    const [first, second] = pipeline.variables;
    const values: [string, GoValue][] = [];
    if (first !== undefined && second === undefined) values.push([first, item]);
    else if (first !== undefined && second !== undefined) values.push([first, key], [second, item]);
    for (const [name, value] of values) {
      // each round has fresh variables, so that the body's assignments do not outlive it
      if (pipeline.assigns) this.#assign(name, value, pipeline);
      else this.#variables.declare(name, value);
    }
  }

  #callTemplate(node: TemplateCallNode, dot: GoValue): void {
    const body = this.#template.definitions.get(node.name);
    if (body === undefined) this.#fail(node, `template ${JSON.stringify(node.name)} is not defined`);
    if (this.#depth >= this.#limits.maxDepth)
      this.#fail(node, `templates call each other deeper than ${this.#limits.maxDepth} levels`);
    const data = node.pipeline === undefined ? null : this.#evaluatePipeline(node.pipeline, dot);
    const variables = this.#variables;
    this.#variables = new VariableStack(data);
    this.#depth += 1;
    this.#walkList(body, data);
    this.#depth -= 1;
    this.#variables = variables;
  }

  #evaluatePipeline(pipeline: PipelineNode, dot: GoValue): GoValue {
    let value: Piped = nothing;
    for (const command of pipeline.commands) value = this.#evaluateCommand(command, dot, value);
    const result = value === nothing ? null : value;
    for (const name of pipeline.variables) {
      if (pipeline.assigns) this.#assign(name, result, pipeline);
      else this.#variables.declare(name, result);
    }
    return result;
  }

  #assign(name: string, value: GoValue, at: Span): void {
    if (!this.#variables.assign(name, value)) this.#fail(at, `undefined variable ${name}`);
  }

  #lookUp(name: string, at: Span): GoValue {
    const value = this.#variables.lookUp(name);
    return value === undefined ? this.#fail(at, `undefined variable ${name}`) : value;
  }

  #evaluateCommand(command: CommandNode, dot: GoValue, piped: Piped): GoValue {
    const [first, ...rest] = command.operands as [OperandNode, ...OperandNode[]];
    this.#step(first);
    switch (first.kind) {
      case 'function':
        return this.#evaluateCall(first, rest, dot, piped);
      case 'field':
        return this.#evaluateFields(first.fields, dot, first, { rest, dot, piped });
      case 'chain':
        return this.#evaluateFields(first.fields, this.#evaluateOperand(first.operand, dot), first, {
          rest,
          dot,
          piped,
        });
      case 'variable': {
        const value = this.#lookUp(first.name, first);
        if (first.fields.length > 0) return this.#evaluateFields(first.fields, value, first, { rest, dot, piped });
        break;
      }
      case 'nil':
        return this.#fail(first, 'nil is not a command');
      default:
        break;
    }
    if (rest.length > 0 || piped !== nothing) {
      this.#fail(first, `can't give argument to non-function ${this.#excerpt(first)}`);
    }
    return this.#evaluateOperand(first, dot);
  }

  #evaluateOperand(node: OperandNode, dot: GoValue): GoValue {
    this.#step(node);
    switch (node.kind) {
      case 'dot':
        return dot;
      case 'nil':
        return null;
      case 'bool':
      case 'string':
        return node.value;
      case 'number':
        return node.ideal;
      case 'variable': {
        const value = this.#lookUp(node.name, node);
        return node.fields.length === 0 ? value : this.#evaluateFields(node.fields, value, node);
      }
      case 'field':
        return this.#evaluateFields(node.fields, dot, node);
      case 'chain':
        return this.#evaluateFields(node.fields, this.#evaluateOperand(node.operand, dot), node);
      case 'function':
        return this.#evaluateCall(node, [], dot, nothing);
      case 'pipeline':
        return this.#evaluatePipeline(node, dot);
    }
  }

  #evaluateFields(
    fields: readonly string[],
    receiver: GoValue,
    at: Span,
    call?: { rest: OperandNode[]; dot: GoValue; piped: Piped },
  ): GoValue {
    let value = receiver;
    for (const field of fields) value = this.#field(value, field, at);
    if (call !== undefined && (call.rest.length > 0 || call.piped !== nothing)) {
      const name = fields.at(-1) as string;
      if (!(value instanceof GoFunction)) this.#fail(at, `${name} has arguments but cannot be invoked as function`);
      return this.#invoke(name, value, call.rest, call.dot, call.piped, at);
    }
    return value;
  }

  #field(receiver: GoValue, name: string, at: Span): GoValue {
    let value: GoValue | undefined;
    try {
      value = fieldOf(receiver, name);
    } catch (error) {
      // some values are found out only when they are read
      if (error instanceof TemplateFunctionError) this.#fail(at, error.message);
      throw error;
    }
    this.#reads?.field(receiver, name, value);
    return value === undefined ? this.#fail(at, missingField(receiver, name)) : value;
  }

  #evaluateCall(node: FunctionNode, operands: OperandNode[], dot: GoValue, piped: Piped): GoValue {
    const named = this.#functions.get(node.name);
    const target = named ?? builtinFunctions.get(node.name);
    if (target === undefined) this.#fail(node, `function ${JSON.stringify(node.name)} is not defined`);
    if (named === undefined && (node.name === 'and' || node.name === 'or')) {
      return this.#evaluateLogic(node, operands, dot, piped);
    }
    return this.#invoke(node.name, target, operands, dot, piped, node);
  }

  /** Stops at the first operand that decides; the rest is not evaluated. */
  #evaluateLogic(node: FunctionNode, operands: OperandNode[], dot: GoValue, piped: Piped): GoValue {
    const decides = node.name === 'or';
    let value: GoValue = null;
    if (operands.length === 0 && piped === nothing)
      this.#fail(node, `wrong number of args for ${node.name}: want at least 1 got 0`);
    for (const operand of operands) {
      value = this.#evaluateOperand(operand, dot);
      this.#reads?.whole(value);
      if (isTrue(value) === decides) return value;
    }
    return piped === nothing ? value : piped;
  }

  #invoke(name: string, target: GoFunction, operands: OperandNode[], dot: GoValue, piped: Piped, at: Span): GoValue {
    const given = operands.length + (piped === nothing ? 0 : 1);
    const fixed = target.variadic ? target.parameters.length - 1 : target.parameters.length;
    if (given < fixed || (given > fixed && !target.variadic)) {
      this.#fail(
        at,
        `wrong number of args for ${name}: want ${target.variadic ? 'at least ' : ''}${fixed} got ${given}`,
      );
    }
    const typeAt = (i: number): ParameterType => target.parameters[Math.min(i, target.parameters.length - 1)] ?? 'any';
    const args = operands.map((operand, i) => this.#argument(operand, typeAt(i), dot));
    if (piped !== nothing) args.push(this.#checkArgument(piped, typeAt(operands.length), at));
    if (this.#reads !== undefined) observeArguments(this.#reads, target, args);
    const refusal = this.#refuse?.(name, args);
    if (refusal !== undefined) this.#fail(at, `error calling ${name}: ${refusal}`);
    let result: GoValue;
    try {
      result = target.call(args);
    } catch (error) {
      if (error instanceof TemplateFunctionError) this.#fail(at, `error calling ${name}: ${this.#tellable(error)}`);
      throw error;
    }
    const size = typeof result === 'string' ? result.length : isList(result) ? result.length * bytesOfItem : 0;
    if (size > this.#limits.maxOutput)
      this.#fail(at, `the result of ${name} is larger than ${this.#limits.maxOutput} characters`);
    return result;
  }

  #argument(node: OperandNode, type: ParameterType, dot: GoValue): GoValue {
    if (node.kind === 'number') {
      this.#step(node);
      // an untyped constant takes the type that is asked for
      if (type === 'int' && node.integer !== undefined) return node.integer;
      if (type === 'float' && node.float !== undefined) return node.float;
    }
    return this.#checkArgument(this.#evaluateOperand(node, dot), type, node);
  }

  #checkArgument(value: GoValue, type: ParameterType, at: Span): GoValue {
    if (fitsParameter(value, type)) return value;
    const expected = parameterTypeName(type);
    if (value === null) this.#fail(at, `invalid value; expected ${expected}`);
    return this.#fail(at, `wrong type for value; expected ${expected}; got ${typeName(value)}`);
  }

  #print(value: GoValue, at: Span): void {
    this.#reads?.whole(value);
    if (value instanceof GoFunction) this.#fail(at, `can't print ${this.#excerpt(at)} of type func`);
    this.#write(value === null ? '<no value>' : this.#format(value, at), at, false);
  }

  #format(value: GoValue, at: Span): string {
    try {
      return formatValue(value);
    } catch (error) {
      if (error instanceof TemplateFunctionError) this.#fail(at, error.message);
      throw error;
    }
  }

  #write(text: string, at: Span, literal: boolean): void {
    this.#trace?.(this.#outputLength, at.start, literal);
    this.#outputLength += text.length;
    if (this.#outputLength > this.#limits.maxOutput) {
      this.#fail(at, `the output is longer than ${this.#limits.maxOutput} characters`);
    }
    this.#output.push(text);
  }

  #step(at: Span): void {
    this.#steps += 1;
    if (this.#steps > this.#limits.maxSteps)
      this.#fail(at, `the template takes more than ${this.#limits.maxSteps} steps`);
  }

  /** Functions name what they were given. That stays untold once a secret may be among it. */
  #tellable(error: TemplateFunctionError): string {
    if (this.#reads?.sawSecret !== true || error.isPublic) return error.message;
    return 'it does not take these arguments (not shown, because the template has read a secret)';
  }

  #excerpt(at: Span): string {
    return shortened(this.#template.source.slice(at.start, at.end).replace(/\s+/g, ' '));
  }

  #fail(at: Span, reason: string): never {
    throw new TemplateError(
      this.#template.name,
      positionOf(this.#template.source, at.start),
      reason,
      this.#excerpt(at),
    );
  }
}

/** A function with `keys` looks only at the entries that its other arguments name; any other may look at everything. */
function observeArguments(reads: ReadObserver, target: GoFunction, args: readonly GoValue[]): void {
  const [first = null, ...keys] = args;
  if (!target.keyed || !(first instanceof GoMap)) {
    for (const arg of args) reads.whole(arg);
    return;
  }
  let receiver: GoValue = first;
  for (const key of keys) {
    if (!(receiver instanceof GoMap) || typeof key !== 'string') break;
    const value: GoValue | undefined = receiver.entries.get(key);
    reads.field(receiver, key, value);
    receiver = value ?? null;
  }
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
