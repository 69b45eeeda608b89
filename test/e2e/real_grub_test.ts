import assert from "node:assert/strict";
import { test } from "node:test";
import { planOf, refusing } from "./answers.ts";
import { whyNoGrub } from "./real_grub.ts";
import { vmTest } from "./vm_test_case.ts";

const NAME =
  "a boot by GNU GRUB itself is proved word by word, and kexec passes on what GRUB would have passed";

/** Words that GRUB takes apart, glues, escapes and wraps in quotes on their way to the kernel. */
const OEM_CONFIG = String.raw`set oem_id="qemu"
set linux_console="console=ttyS0,115200n8"
extra="  spaced   words "
set linux_append="quiet panic=3 nokaslr mitigations=off a=\"b c\" d='e f' back\\slash pre$extra post"
if [ "$grub_cpu" = i386 ]; then set linux_append="$linux_append cpu=$grub_cpu"; fi
set linux_append="$linux_append last"
`;

const reason = whyNoGrub();
if (reason !== null) test(`${NAME} (${reason})`, { skip: reason }, () => {});
else {
  vmTest(NAME, {
    grub: true,
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    oemConfig: OEM_CONFIG,
    boots: ["keep plan flatcar-kexec plan --json; flatcar-kexec reboot; sleep 60", "off"],
  }, async (machine) => {
    await machine.powerOn({ b: [2, 1, 0] });
    const first = machine.boot(1);
    // What makes this boot worth the proof: GRUB did all that to the words.
    assert.match(
      first.cmdline,
      / a=\\"b c\\" d=\\'e f\\' back\\\\slash pre spaced words post cpu=i386 last /,
    );
    const plan = planOf(first.file("plan.out"));
    assert.deepEqual(refusing(plan), [], JSON.stringify(plan.findings, null, 1));
    assert.equal(plan.slot?.label, "USR-B");
    assert.equal(machine.boot(2).cmdline, plan.cmdline);
    const same = (cmdline: string): string =>
      cmdline.replace(/vmlinuz-[ab]|PARTUUID=\S+|usrhash=\S+| flatcar\.kexec=\S+/g, "");
    assert.equal(same(machine.boot(2).cmdline), same(first.cmdline));
  });
}
