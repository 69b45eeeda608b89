import { messageOf, systemErrorCode } from "../lib/errors.ts";
import type { Failure, Observed } from "./host.ts";

/** A failure about `path`, its message composed so that it can follow "Cannot do X: ". */
export function failed(kind: Failure["kind"], path: string, reason: string): { ok: false; failure: Failure } {
  return { ok: false, failure: { kind, message: `${path}: ${reason}` } };
}

/** The failure that a system call's error stands for. */
export function fromSystemError(path: string, error: unknown): { ok: false; failure: Failure } {
  switch (systemErrorCode(error)) {
    case "ENOENT":
      return failed("missing", path, "no such file or directory");
    case "ENOTDIR":
      return failed("missing", path, "a parent is not a directory");
    case "ENODEV":
    case "ENXIO":
      return failed("missing", path, "no such device");
    case "EACCES":
    case "EPERM":
      return failed("permission", path, "permission denied; run as root");
    case "EISDIR":
      return failed("wrong-type", path, "is a directory, not a file");
    case "EINVAL":
      return failed("wrong-type", path, "not of the expected kind (EINVAL)");
    case "ELOOP":
      return failed("io", path, "too many levels of symbolic links");
    default:
      return failed("io", path, messageOf(error));
  }
}

/** Run `action`, turning what it throws into a failure about `path`. */
export function observe<T>(path: string, action: () => Observed<T>): Observed<T> {
  try {
    return action();
  } catch (error) {
    return fromSystemError(path, error);
  }
}
