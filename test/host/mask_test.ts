import assert from "node:assert/strict";
import { test } from "node:test";
import { createMasker } from "../../src/host/mask.ts";
import { recordHost } from "../../src/host/record.ts";
import { replayHost } from "../../src/host/replay.ts";
import { memoryHost } from "../support/memory_host.ts";

const mask = (text: string): string => createMasker().mask(text);

test("values that are named as credentials are masked, whatever the quoting, and keep their length", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["a=1 rd.iscsi.password=geheim12 b=2", "a=1 rd.iscsi.password=masked-1 b=2"],
    ["password=abc", "password=xx1"],
    ["systemd.set_credential=passwd.x:secretvalue", "systemd.set_credential=masked-0000000000001"],
    [
      'set linux_append="$linux_append token=0123456789"',
      'set linux_append="$linux_append token=masked-001"',
    ],
    [`set linux_append="wifi.psk='a b c d e f'"`, `set linux_append="wifi.psk='masked-0001'"`],
    [String.raw`wifi.psk=\"a b c d e f\" x`, String.raw`wifi.psk=\"masked-0001\" x`],
    ["netroot=iscsi:user:pass1@10.0.0.1::3260", "netroot=iscsi:masked-001@10.0.0.1::3260"],
    ["ignition.config.url=https://me:hunter22@h/c.ign", "ignition.config.url=https://masked-0001@h/c.ign"],
    ["url=https://h/c?sig=AbCdEf0123&x=1", "url=https://h/c?sig=masked-001&x=1"],
    [
      "url=https://h/c?x=1&X-Amz-Signature=0123456789abcdef",
      "url=https://h/c?x=1&X-Amz-Signature=masked-000000001",
    ],
    ['{"password": "geheim12"}', '{"password": "masked-1"}'],
    ["api_key = 'geheim12'", "api_key = 'masked-1'"],
    ["password_pbkdf2 root grub.pbkdf2.sha512", "password_pbkdf2 root masked-00000000001"],
  ];
  for (const [text, expected] of cases) {
    assert.equal(mask(text), expected);
    assert.equal(expected.length, text.length);
  }
});

test("what is no credential stays as it is", () => {
  for (
    const text of [
      "BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132",
      "console=ttyS0,115200n8 flatcar.oem.id=ec2 rd.luks.name=abc=root keymap=de monkey=1 compass=2",
      "rd.luks.key=/keyfile:UUID=1 token=$token",
      'NAME="Flatcar Container Linux by Kinvolk"\nHOME_URL="https://flatcar.org/"',
      "password=",
    ]
  ) {
    assert.equal(mask(text), text);
  }
});

test("a configuration and the line that it leads to get the same masks, also where quoting differs", () => {
  const host = memoryHost({
    files: {
      "/proc/cmdline": String.raw`a.password=sesame-open b.token=x\'y\'z1 c=1` + "\n",
      "/oem/grub.cfg": `set linux_append="a.password=sesame-open b.token=x'y'z1"\nset other="sesame-open"\n`,
    },
  });
  const recorder = recordHost(host);
  recorder.host.read("/oem/grub.cfg");
  recorder.host.read("/proc/cmdline");
  const { files, masked } = recorder.snapshot(true);
  assert.equal(masked, true);
  assert.deepEqual(files["/proc/cmdline"], { value: "a.password=masked-0001 b.token=masked-2 c=1\n" });
  assert.deepEqual(files["/oem/grub.cfg"], {
    value: `set linux_append="a.password=masked-0001 b.token=masked-2"\nset other="masked-0001"\n`,
  });
  assert.match(JSON.stringify(recorder.snapshot(false)), /sesame-open/);
});

test("masks of a masked text are the same again", () => {
  const text = "a.password=sesame-open b.token=x1234567890 c.pin=77";
  const masker = createMasker();
  const once = masker.mask(text);
  assert.equal(masker.mask(once), once);
  assert.equal(mask(once), once);
});

test("an archive's texts are masked in place; other binary files are left alone", () => {
  const bytes = new TextEncoder().encode('head\0\u00ff set linux_append="a.password=sesame-open"\n\0\0');
  const recorder = recordHost(memoryHost({ files: { "/boot/grub.cfg.tar": bytes, "/x.bin": bytes } }));
  recorder.host.read("/boot/grub.cfg.tar");
  recorder.host.read("/x.bin");
  const host = replayHost(recorder.snapshot(true));
  const archive = host.read("/boot/grub.cfg.tar");
  assert.ok(archive.ok);
  assert.equal(
    new TextDecoder().decode(archive.value),
    'head\0\u00ff set linux_append="a.password=masked-0001"\n\0\0',
  );
  assert.deepEqual(host.read("/x.bin"), { ok: true, value: bytes });
});

test("long values are found wherever else they stand; short ones and parts of paths are not", () => {
  const swept = (secret: string, paths: readonly string[] = []): string => {
    const masker = createMasker();
    masker.mask(`a.token=${secret}`);
    return masker.sweep(`x ${secret} y`, paths);
  };
  assert.equal(swept("12345678"), "x masked-1 y");
  assert.equal(swept("1234567"), "x 1234567 y");
  assert.equal(swept("flatcar-kexec", ["/run/flatcar-kexec/x"]), "x flatcar-kexec y");
});

test("no text takes long, however it plays with what values look like", () => {
  const size = 1 << 17;
  for (const piece of ["a_", "key=;", "key=\\", "iscsi:", "key='", "password ", " \n", "key  ", "http://x"]) {
    const start = performance.now();
    mask(piece.repeat(size / piece.length));
    mask("key=" + piece.repeat(size / piece.length));
    const milliseconds = performance.now() - start;
    assert.ok(milliseconds < 2000, `${JSON.stringify(piece)}: ${milliseconds} ms`);
  }
});
