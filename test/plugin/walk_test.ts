import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { walk } from "../../src/plugin/walk.ts";
import { memoryHost } from "../support/memory_host.ts";

describe("walk()", () => {
  const host = memoryHost({
    files: { "/usr/share/acme/a": "a" },
    links: { "/etc/acme": "../usr/share/acme", "/etc/gone": "none/deeper/still", "/etc/round": "round" },
  });

  it("names every directory that was looked into, and where the path leads", () => {
    assert.deepEqual(walk(host, "/etc/acme/a"), {
      real: "/usr/share/acme/a",
      directories: ["/", "/etc", "/usr", "/usr/share", "/usr/share/acme"],
    });
  });

  it("ends at the first name that is missing, also behind a link", () => {
    assert.deepEqual(walk(host, "/usr/lib/a/b/c"), { real: "/usr/lib", directories: ["/", "/usr"] });
    assert.deepEqual(walk(host, "/etc/gone/x"), { real: "/etc/none", directories: ["/", "/etc"] });
  });

  it("goes up no missing directory", () => {
    assert.equal(walk(host, "/none/../usr/share/acme/a")?.real, "/none");
  });

  it("ends on links that go round in a circle", () => {
    assert.equal(walk(host, "/etc/round/a"), null);
  });
});
