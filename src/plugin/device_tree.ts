/**
 * Looking at a flattened device tree that a plugin wants handed on (Devicetree Specification 0.4, chapter 5).
 *
 * @module
 */
import type { Host } from "../host/host.ts";
import type { PlanDraft } from "./draft.ts";
import { pluginFault } from "./fault.ts";

const MAGIC = 0xd00dfeed;
/** Far above any real one; kexec-tools reads the whole file into memory. */
const MOST_BYTES = 2 << 20;
const HEADER_BYTES = 40;

const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const NOTHING = 4;

/**
 * Check that a tree can be handed on.
 *
 * @throws {KexecError} `plugin-failed` if the call in use would ignore it, or kexec-tools would not load it.
 */
export function checkDeviceTree(host: Host, path: string, draft: PlanDraft): void {
  const cannot = (why: string, hint?: string) =>
    pluginFault(`Cannot hand on the device tree ${path}: ${why}`, hint);
  if (draft.arch !== "aarch64") throw cannot("only arm64 kernels are given one, and this host is x86_64");
  if (draft.syscall === "file") {
    throw cannot(
      "kexec_file_load ignores it and copies the running one",
      'Set kexec.syscall = "load" in the configuration',
    );
  }
  const content = host.read(path, MOST_BYTES);
  if (!content.ok) throw cannot(content.failure.message);
  const tree = content.value;
  const view = new DataView(tree.buffer, tree.byteOffset, tree.byteLength);
  if (tree.length < HEADER_BYTES || view.getUint32(0) !== MAGIC) {
    throw cannot("it is not a flattened device tree: it does not begin with d00dfeed", "Compile it with dtc");
  }
  const total = view.getUint32(4);
  if (total > tree.length) throw cannot(`it is cut off: ${tree.length} of ${total} bytes are there`);
  const seed = findProperty(view, ["", "chosen"], "kaslr-seed");
  if (seed === "malformed") throw cannot("its structure block is malformed");
  if (seed !== null && seed.some((byte) => byte !== 0)) {
    throw cannot(
      "/chosen has a kaslr-seed that is not zero, which kexec-tools refuses",
      "Take kaslr-seed out: dtc -I dtb -O dts, delete the line, and back",
    );
  }
}

/** A property's bytes; null if it is not there. Sizes are in the header, all numbers big-endian. */
function findProperty(
  view: DataView,
  path: readonly string[],
  name: string,
): Uint8Array | null | "malformed" {
  const structure = view.getUint32(8);
  const strings = view.getUint32(12);
  const end = Math.min(structure + view.getUint32(36), view.byteLength);
  const here: string[] = [];
  for (let at = structure; at + 4 <= end;) {
    const tag = view.getUint32(at);
    at += 4;
    switch (tag) {
      case BEGIN_NODE: {
        const text = stringAt(view, at);
        here.push(text);
        at = align(at + text.length + 1);
        break;
      }
      case END_NODE:
        if (here.pop() === undefined) return "malformed";
        break;
      case PROPERTY: {
        if (at + 8 > end) return "malformed";
        const length = view.getUint32(at);
        const value = at + 8;
        if (value + length > end) return "malformed";
        if (
          here.length === path.length && here.every((part, index) => part === path[index]) &&
          stringAt(view, strings + view.getUint32(at + 4)) === name
        ) return new Uint8Array(view.buffer, view.byteOffset + value, length);
        at = align(value + length);
        break;
      }
      case NOTHING:
        break;
      default:
        // FDT_END, or something that is none.
        return tag === 9 && here.length === 0 ? null : "malformed";
    }
  }
  return "malformed";
}

/** Up to the NUL, or to the end of the tree. */
function stringAt(view: DataView, at: number): string {
  let text = "";
  for (let i = at; i < view.byteLength; i++) {
    const byte = view.getUint8(i);
    if (byte === 0) return text;
    text += String.fromCharCode(byte);
  }
  return text;
}

function align(offset: number): number {
  return (offset + 3) & ~3;
}
