/** `-cpu help`: the models and the features, as text. */
import { FEATURE_NAMES, isImplemented } from "./features.js";
import { CPU_MODELS, DEFAULT_MODEL } from "./models.js";

export function cpuHelp(): string {
  const models = CPU_MODELS.map(({ name }) => `  ${name}${name === DEFAULT_MODEL ? " (default)" : ""}`);
  const features = FEATURE_NAMES.filter(isImplemented).join(" ");
  return `Models:\n${models.join("\n")}\n\nFeatures (MODEL,+feature,-feature):\n  ${features.replace(/(.{1,100})(?: |$)/g, "$1\n  ").trim()}`;
}
