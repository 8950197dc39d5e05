#!/usr/bin/env node
// Holds SARIF logs and JSON reports against their schemas.
//
//     tests/sarif.mjs [--install] FILE...
//
// A file that ends in .sarif is held against the SARIF 2.1.0 schema as an npm package carries it, a file that ends in
// .json against schemas/report.schema.json. Each is held against it once more without each part that the schema asks
// for: a check that lets one of those pass checks nothing. --install puts the packages into .cache/schemas; without it
// they have to be there. Exit codes: 0 all are valid and no damaged one is, 1 not so, 77 the packages are not there.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGES = ["ajv@8.17.1", "ajv-draft-04@1.0.0", "ajv-formats@3.0.1"];
// It carries the schema; its own dependencies, a test runner, are not needed.
const SCHEMA = "@microsoft/jest-sarif@1.0.0-beta.0";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, ".cache", "schemas");
const schema = join(cache, "package", "lib", "schemas", "sarif-2.1.0-rtm.5.json");
const files = process.argv.slice(2).filter((word) => word !== "--install");
const installed = () => existsSync(schema) && existsSync(join(cache, "node_modules", "ajv-formats"));

if (process.argv.includes("--install") && !installed()) {
  mkdirSync(cache, { recursive: true });
  const npm = (...words) => execFileSync("npm", words, { cwd: cache, stdio: ["ignore", "pipe", "inherit"] });
  npm("install", "--silent", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", cache, ...PACKAGES);
  const archive = npm("pack", "--silent", SCHEMA).toString().trim().split("\n").pop();
  execFileSync("tar", ["-xzf", archive], { cwd: cache });
}
if (!installed()) {
  console.error("the schemas are not there (--install fetches them)");
  process.exit(77);
}

const from = createRequire(join(cache, "node_modules", "index.js"));
const formats = from("ajv-formats");
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const compiled = (kind, file) => {
  const Ajv = from(kind).default ?? from(kind);
  const ajv = new Ajv({ allErrors: true, strict: false, unicodeRegExp: false });
  (formats.default ?? formats)(ajv);
  for (const width of ["uint32", "uint64"]) ajv.addFormat(width, true);
  return ajv.compile(read(file));
};
const sarif = compiled("ajv-draft-04", schema);
const report = compiled("ajv/dist/2020.js", join(root, "schemas", "report.schema.json"));

let faults = 0;
let damaged = 0;
for (const file of files) {
  const valid = file.endsWith(".sarif") ? sarif : report;
  if (!valid(read(file))) {
    for (const error of valid.errors.slice(0, 10)) {
      faults += 1;
      console.error(`${file}: ${error.instancePath || "/"} ${error.message} ${JSON.stringify(error.params)}`);
    }
    continue;
  }
  const without = valid.schema.required.map((key) => {
    const whole = read(file);
    delete whole[key];
    return [`without \`${key}\``, whole];
  });
  if (valid === sarif) {
    const result = read(file);
    result.runs[0].results[0].level = "fatal";
    without.push(["with a level that SARIF does not have", result]);
  }
  for (const [how, broken] of without) {
    damaged += 1;
    if (!valid(broken)) continue;
    faults += 1;
    console.error(`${file}: passes ${how}`);
  }
}
console.log(`schemas: ${files.length} files, ${faults} faults; ${damaged} damaged copies were looked at`);
process.exit(faults ? 1 : 0);
