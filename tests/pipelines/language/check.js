// What Microsoft's language service says of pipelines: node check.js MODULES SCHEMA FILE....
"use strict";
const fs = require("fs");
const { createRequire } = require("module");

const [modules, schemaFile, ...files] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const service = load("azure-pipelines-language-service");
const { TextDocument } = load("vscode-languageserver-types");

const schema = JSON.parse(fs.readFileSync(schemaFile, "utf8"));
const uri = "file:///schema.json";
const language = service.getLanguageService(
  () => Promise.resolve(schema),
  [],
  () => Promise.resolve(uri),
  { resolveRelativePath: (path) => path },
);
language.configure({ validate: true });

async function main() {
  const found = {};
  for (const file of files) {
    const text = fs.readFileSync(file, "utf8");
    const document = TextDocument.create(`file://${file}`, "yaml", 1, text);
    found[file] = await language.doValidation(document, service.parse(text));
  }
  console.log(JSON.stringify(found));
}
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
