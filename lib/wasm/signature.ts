/**
 * Signatures of functions: parameters with names and types, and what a call passes for them.
 *
 * TypeScript checks names and types of every call; because `deno run` checks no types,
 * `operandCode` checks them again when the call is emitted.
 *
 * @module
 */
import { type Code, unsigned } from "./encoding.ts";
import { F32, I32, V128 } from "./expressions.ts";
import type { Expression, F32Like, I32Like, ValueType } from "./expressions.ts";

/** The expression of a value type. */
export type ExpressionOf<Type extends ValueType> = Type extends "i32" ? I32
  : Type extends "f32" ? F32
  : V128;
/** What may be passed for a parameter of a value type. */
export type OperandOf<Type extends ValueType> = Type extends "i32" ? I32Like
  : Type extends "f32" ? F32Like
  : V128;

/** A function's parameters in order: the type of each, by name. */
export type ParameterTypes = Readonly<Record<string, ValueType>>;

/** The parameters inside the function: a local for each, by name. */
export type ParametersOf<Types extends ParameterTypes> = {
  readonly [Name in keyof Types]: ExpressionOf<Types[Name]>;
};

/** The operands of a call, by name: an expression of the parameter's type, or a number. */
export type OperandsOf<Types extends ParameterTypes> = {
  readonly [Name in keyof Types]: OperandOf<Types[Name]>;
};

/** What a call with the result type `Result` returns: an expression, or nothing. */
export type ResultOf<Result extends ValueType | undefined> = Result extends ValueType
  ? ExpressionOf<Result>
  : void;

/** The value type of the expression `Value`; undefined for void. */
export type TypeOf<Value> = Value extends Expression ? Value["type"] : undefined;

/** A function of the module under construction. */
export interface FunctionHandle<
  Types extends ParameterTypes,
  Result extends ValueType | undefined = undefined,
> {
  /** Its number in the module. */
  readonly index: number;
  /** The type of each parameter, by name. */
  readonly parameters: Types;
  /** The result's type; undefined if there is none. */
  readonly result: Result;
}

const CLASSES = { i32: I32, f32: F32, v128: V128 } as const;

/** An expression of type `type` that `code` evaluates; `local` is the local it reads. */
export function expressionOf<Type extends ValueType>(
  type: Type,
  code: Code,
  local?: number,
): ExpressionOf<Type> {
  return new CLASSES[type](code, local) as Expression as ExpressionOf<Type>;
}

/** The parameters as locals. */
export function parametersOf<Types extends ParameterTypes>(types: Types): ParametersOf<Types> {
  const locals = Object.entries(types).map(([name, type], i) => [name, localOf(type, i)]);
  return Object.fromEntries(locals);
}

/** The local `index` as an expression. */
export function localOf<Type extends ValueType>(
  type: Type,
  index: number,
): ExpressionOf<Type> {
  return expressionOf(type, [0x20, unsigned(index)], index);
}

/**
 * The code of a call's operands, in the order of the parameters.
 *
 * @throws {TypeError} if an operand is missing, unknown, or of another type
 */
export function operandCode<Types extends ParameterTypes>(
  parameters: Types,
  operands: OperandsOf<Types>,
): Code {
  const names = Object.keys(parameters);
  const given = Object.keys(operands);
  if (given.length !== names.length || !names.every((name) => Object.hasOwn(operands, name))) {
    throw new TypeError(
      `assembler: a call expects the operands ${names.join(", ")}; got ${given.join(", ")}`,
    );
  }
  return names.map((name) => codeOf(name, parameters[name], operands[name]));
}

function codeOf(name: string, type: ValueType, operand: Expression | number): Code {
  if (typeof operand === "number" && type === "i32") return I32.of(operand).code;
  if (typeof operand === "number" && type === "f32") return F32.of(operand).code;
  if (typeof operand !== "object" || operand?.type !== type) {
    const got = typeof operand === "object" && operand ? operand.type : typeof operand;
    throw new TypeError(`assembler: the operand '${name}' must be of type ${type}; got ${got}`);
  }
  return operand.code;
}
