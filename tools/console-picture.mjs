// Draws text as a terminal: node tools/console-picture.mjs < text > docs/console.svg
const text = await new Promise((resolve) => {
  let all = "";
  process.stdin.setEncoding("utf8").on("data", (part) => {
    all += part;
  });
  process.stdin.on("end", () => resolve(all));
});
const escapeXml = (line) => line.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
const lines = text
  .replace(/\s+$/, "")
  .split("\n")
  .map((line) => line.replace(/\r/g, "").slice(0, 110));
const width = 110 * 7.25 + 24;
const height = lines.length * 16 + 24;
const rows = lines.map(
  (line, i) => `<text x="12" y="${24 + i * 16}" xml:space="preserve">${escapeXml(line)}</text>`,
);
console.log(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="monospace" font-size="12" fill="#d8dee9">` +
    `<rect width="100%" height="100%" rx="8" fill="#1b1f27"/>${rows.join("")}</svg>`,
);
