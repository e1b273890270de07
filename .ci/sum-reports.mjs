// The end of a run of .ci/run: what failed, by name and with its message, and then the count of all runs in one line.
// node sum-reports.mjs FOLDER [FAILED_STEP ...]
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [folder, ...failedSteps] = process.argv.slice(2);
const reportOfStep = { test: 'test.json', 'test:system': 'system.json', 'test:browser': 'browser.json', 'test:faults': 'faults.json' };
const shownLinesOfMessage = 25;

function report(file) {
  const path = join(folder, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { numPassedTests: 0, numFailedTests: 0, testResults: [] };
}

function tell(where, message) {
  console.log(`\nFAILED ${where}`);
  for (const line of message.split('\n').slice(0, shownLinesOfMessage)) console.log(`  ${line}`);
}

let passed = 0;
let failed = failedSteps.filter((step) => reportOfStep[step] === undefined).length;
for (const [step, file] of Object.entries(reportOfStep)) {
  const { numPassedTests, numFailedTests, testResults } = report(file);
  passed += numPassedTests;
  // A step that fails without a failing test (a file that cannot be loaded, a limit reached) is one failure.
  failed += numFailedTests || (failedSteps.includes(step) ? 1 : 0);
  for (const { name, status, message, assertionResults } of testResults) {
    const failures = assertionResults.filter((test) => test.status === 'failed');
    for (const test of failures) tell(`${relative('.', name)} > ${test.fullName}`, test.failureMessages.join('\n'));
    if (status === 'failed' && failures.length === 0) tell(relative('.', name), message);
  }
}
// A run that counted nothing has shown nothing.
if (passed === 0 && failed === 0) failed = 1;
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
