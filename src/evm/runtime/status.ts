// How the execution of a frame ends or is interrupted, as the small integers that WebAssembly code returns. 0 goes on, 1 to 15
// are for the driver, 16 and above halt the frame. Functions that return the gas left answer minus the code on a halt.

/** Goes on in the same frame. */
export const CONTINUE = 0;
/** Another frame is on top now: a child was pushed. */
export const SWITCHED = 1;
/** Compiled code hands the frame to the interpreter at its `pc`, with the stack in memory. */
export const TO_INTERPRETER = 2;
/** Compiled code goes on in another compiled function, which the frame's `entry` names. */
export const TO_ENTRY = 3;
/** The caller's deadline has passed: the run ends, and what it did is undone. */
export const ABORTED = 4;
/** The arena or a table of it is full: the transaction is undone and run by the reference engine. */
export const EXHAUSTED = 5;
/** JavaScript threw beneath an import; the error waits on the JavaScript side. */
export const FAILED = 6;

/** STOP, or RETURN with the frame's output. */
export const RETURNED = 16;
/** REVERT with the frame's output. */
export const REVERTED = 17;
/** Halts, which take all gas. */
export const OUT_OF_GAS = 18;
export const STACK_UNDERFLOW = 19;
export const STACK_OVERFLOW = 20;
export const INVALID_JUMP = 21;
export const INVALID_OPCODE = 22;
export const WRITE_PROTECTION = 23;
export const RETURN_DATA_OUT_OF_BOUNDS = 24;
/** Of creations. */
export const COLLISION = 25;
export const MAX_CODE_SIZE = 26;
export const INVALID_CODE = 27;
export const CODE_STORE_OUT_OF_GAS = 28;
export const MAX_INIT_CODE_SIZE = 29;
/** A top-level value transfer that the balance does not cover. */
export const INSUFFICIENT_BALANCE = 30;
/** A precompile refused its input. */
export const PRECOMPILE_FAILED = 31;
