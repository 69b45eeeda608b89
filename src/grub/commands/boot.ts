/**
 * Commands that decide what is booted, or that nothing is.
 *
 * @module
 */
import { quoteArgument } from "../arguments.ts";
import { isText, toUnicode } from "../bytes.ts";
import type { Call, Interpreter, Stop } from "../interpreter.ts";
import { parsePath } from "../paths.ts";
import type { OriginToken } from "../result.ts";
import { spansOf } from "../spans.ts";
import { STATUS } from "../status.ts";
import { type Traced, traced, viaNames } from "../traced.ts";
import { parseOptions } from "./options.ts";

function token(arg: Traced, call: Call, hexEscapes: boolean): OriginToken {
  const first = arg.runs[0];
  return {
    text: toUnicode(quoteArgument(arg.text, { hexEscapes })),
    origin: first?.origin ?? call.origin,
    via: viaNames(first?.via ?? null),
    spans: spansOf(arg),
  };
}

/** `linux`, `linuxefi`, `linux16`. Whether the kernel is there is for the plan to check. */
export function linux(interpreter: Interpreter, call: Call): number {
  const [kernel, ...rest] = call.args;
  if (kernel === undefined) return interpreter.fail("filename expected.", STATUS.badArgument);
  const { hexEscapes } = interpreter.options.parser;
  const path = parsePath(kernel.text, interpreter.get("root"));
  const loaded = {
    command: call.name,
    kernel: toUnicode(kernel.text),
    origin: call.origin,
    tokens: rest.map((arg) => token(arg, call, hexEscapes)),
    device: toUnicode(path?.device ?? interpreter.get("root")),
  };
  for (const arg of call.args) {
    if (isText(arg.text)) continue;
    interpreter.diagnostics.add(arg.runs[0]?.origin ?? call.origin, {
      id: "not-text",
      level: "refuse",
      message: "a word of the command line holds control characters, or bytes that are not UTF-8, " +
        "which would not arrive as they are",
    });
  }
  if (interpreter.recording.linux !== null) {
    interpreter.diagnostics.add(call.origin, {
      id: "linux-twice",
      level: "warn",
      message: "a second kernel is loaded here; GRUB boots the last one",
    });
  }
  interpreter.recording.linux = loaded;
  return STATUS.ok;
}

export function initrd(interpreter: Interpreter, call: Call): number {
  if (call.args.length === 0) return interpreter.fail("filename expected.", STATUS.badArgument);
  if (interpreter.recording.linux === null) {
    return interpreter.fail("you need to load the kernel first.", STATUS.badArgument);
  }
  interpreter.recording.initrds.push({
    command: call.name,
    files: call.args.map((arg) => toUnicode(arg.text)),
    origin: call.origin,
  });
  interpreter.diagnostics.add(call.origin, {
    id: "initrd-command",
    level: "refuse",
    message: "an initrd is loaded here; Flatcar's own configuration has none, and the plan takes none over",
    hint: "give it through a plugin's `initrd` hook",
  });
  return STATUS.ok;
}

/** Something that is not a Linux kernel is booted. */
export function otherLoader(interpreter: Interpreter, call: Call): number {
  interpreter.diagnostics.add(call.origin, {
    id: "other-loader",
    level: "refuse",
    message: `\`${call.name}\` boots something that cannot be reached by kexec`,
  });
  return STATUS.ok;
}

/** `gptprio.next -d VAR -u VAR [DISK]`: asks for the slot; nothing is spent by asking. */
export function gptprioNext(interpreter: Interpreter, call: Call): number {
  const { values, rest } = parseOptions(call.args, [
    { name: "set-device", short: "d", value: "needed" },
    { name: "set-uuid", short: "u", value: "needed" },
  ]);
  const device = values.get("set-device")?.at(-1) ?? null;
  const uuid = values.get("set-uuid")?.at(-1) ?? null;
  if (device === null || uuid === null) {
    return interpreter.fail("-d and -u are needed.", STATUS.invalidCommand);
  }
  const named = rest[0]?.text ?? interpreter.get("root");
  const disk = named.replace(/^\(|\)$/g, "").split(",")[0] ?? "";
  const { gptprio } = interpreter.recording;
  if (gptprio.length > 0) {
    interpreter.diagnostics.add(call.origin, {
      id: "slot-twice",
      level: "refuse",
      message: "the next slot is asked for more than once: GRUB takes a try each time",
    });
  }
  const slot = interpreter.environment.gptprioNext(toUnicode(disk));
  gptprio.push({ origin: call.origin, device: toUnicode(disk), slot });
  if (slot === null) return interpreter.fail("no such partition.", STATUS.unknownDevice);
  interpreter.assign(device.text, traced(slot.device, call.origin), call.origin, call.name);
  interpreter.assign(uuid.text, traced(slot.uuid, call.origin), call.origin, call.name);
  return STATUS.ok;
}

function stopWith(interpreter: Interpreter, call: Call, stop: Stop, id: string, message: string): number {
  interpreter.diagnostics.add(call.origin, { id, level: "refuse", message });
  interpreter.stop = stop;
  return STATUS.ok;
}

export function leave(interpreter: Interpreter, call: Call): number {
  return stopWith(interpreter, call, "exit", "leaves-grub", `\`${call.name}\` leaves GRUB without booting`);
}

export function wait(interpreter: Interpreter, call: Call): number {
  return stopWith(
    interpreter,
    call,
    "waits",
    "waits-for-key",
    `\`${call.name}\` waits for somebody at the console`,
  );
}

export function boot(interpreter: Interpreter): number {
  if (interpreter.recording.linux === null) {
    return interpreter.fail("you need to load the kernel first.", STATUS.noKernel);
  }
  interpreter.stop = "boot";
  return STATUS.ok;
}
