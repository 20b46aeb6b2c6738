/** Loads every family, so that all instructions have their meaning. */
import "./alu.js";
