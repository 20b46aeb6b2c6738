/**
 * The transcendental instructions of the x87. Intel SDM vol. 1, 8.3.7-8.3.11.
 *
 * They follow the protocol of `x87-ops.ts`: results are 80-bit values rounded as the control word's rounding says,
 * always to 64 bits; `env.flags` holds the exceptions.
 */

export { f2xm1, fyl2x, fyl2xp1 } from "./logarithm.js";
export { fcos, fpatan, fptan, fsin, fsincos } from "./trig.js";
