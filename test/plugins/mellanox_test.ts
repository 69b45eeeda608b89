import assert from "node:assert/strict";
import { describe, it } from "node:test";
import plugin from "../../plugins/mellanox.ts";
import { ask, draftOf, factsOf, said } from "../support/plugin_hosts.ts";

const facts = factsOf({ modules: ["mlx5_core", "mlx5_ib"] });
const unload = { options: { mellanox: { unload: true } } };

describe("mellanox", () => {
  it("has nothing to do with other cards", () => {
    assert.deepEqual(ask(plugin, { facts: factsOf({ modules: ["i40e"] }) }).reports, []);
  });

  it("only remarks unless it is told to unload", () => {
    const outcome = ask(plugin, { facts });
    assert.match(said(outcome).join(), /^info plugin-note A ConnectX network card is in use/);
    assert.deepEqual(outcome.quiesce, []);
  });

  it("takes the drivers out in order", () => {
    const outcome = ask(plugin, { facts, config: unload });
    assert.deepEqual(outcome.quiesce.map(({ summary, timeLimit }) => [summary, timeLimit]), [
      ["unload module mlx5_ib", 30],
      ["unload module mlx5_core", 30],
    ]);
  });

  it("does not cut the network off from under the root file system", () => {
    const draft = draftOf(facts, { append: "netroot=iscsi:10.0.0.1::::iqn.x" });
    const outcome = ask(plugin, { facts, draft, config: unload });
    assert.deepEqual(outcome.quiesce, []);
    assert.match(said(outcome).join(), /^refuse plugin-veto \/ is on the network \(netroot=/);
  });
});
