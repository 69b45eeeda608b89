import assert from "node:assert/strict";
import { test } from "node:test";
import { type RebootOutput, tellCold, tellRefusal, tellWay } from "../../src/cli/reboot_report.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

function said(tell: (terminal: Terminal, args: RebootOutput) => void, args: RebootOutput) {
  let out = "";
  let err = "";
  tell({
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    color: false,
    errColor: false,
    width: 80,
  }, args);
  return { out, err };
}

const refused = (terminal: Terminal, args: RebootOutput): void =>
  tellRefusal(terminal, args, { exit: 3, sentence: "no kexec: Secure Boot is on" });
const cold = (isCertain: boolean) => (terminal: Terminal, args: RebootOutput): void =>
  tellCold(terminal, args, { isCertain, problems: ["Cannot write"] }, "Taking an ordinary reboot");

test("a refusal that ends the command is one JSON document, and no second where a reboot follows", () => {
  const { out } = said(refused, { json: true, "kexec-only": true });
  assert.deepEqual(JSON.parse(out), { version: 1, reboot: null, reason: "no kexec: Secure Boot is on" });
  assert.equal(said(refused, { json: true }).out, "");
  assert.equal(said(refused, {}).err, "flatcar-kexec: no kexec: Secure Boot is on\n");
});

test("quiet is quiet", () => {
  const kexec = (terminal: Terminal, args: RebootOutput): void => tellWay(terminal, args, "kexec", "Going");
  for (const tell of [refused, cold(true), cold(false), kexec]) {
    assert.deepEqual(said(tell, { quiet: true, "kexec-only": true }), { out: "", err: "" });
  }
});

test("an ordinary reboot is announced only where it is certain to be one", () => {
  assert.deepEqual(said(cold(true), {}), {
    out: "Taking an ordinary reboot\n",
    err: "flatcar-kexec: Cannot write\n",
  });
  assert.match(said(cold(false), {}).out, /goes by kexec after all if commit cannot unload/);
  assert.deepEqual(JSON.parse(said(cold(false), { json: true }).out), { version: 1, reboot: "uncertain" });
});
