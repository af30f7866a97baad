/**
 * loadPretrained: from folders, addresses and a hub, in every type and in parts; and what it
 * refuses.
 */
import assert from "node:assert/strict";
import { UserError } from "../lib/errors.ts";
import { hubToken } from "../lib/hub/environment.ts";
import { type LoadOptions, loadPretrained } from "../lib/hub/load_pretrained.ts";
import { MAX_HEADER_BYTES } from "../lib/hub/safetensors_header.ts";
import { Sha256 } from "../lib/hub/sha256.ts";
import { readIndex } from "../lib/hub/weight_files.ts";
import { useDevice } from "../lib/device/current_device.ts";
import type { GPT } from "../lib/nn/gpt.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { sharedDevice } from "./support/devices.ts";
import { serveModel } from "./support/model_server.ts";
import {
  type DecoderGolden,
  DECODERS,
  floats,
  shardsOf,
  weightFile,
} from "./support/pretrained_golden.ts";
import { inTemporaryFolder } from "./support/temporary_folder.ts";

const { gpt2, gpt_neo, llama } = DECODERS;
type Files = Record<string, Uint8Array<ArrayBuffer> | string>;

async function filesOf(golden: DecoderGolden): Promise<Files> {
  return {
    "config.json": JSON.stringify(golden.config),
    "model.safetensors": await weightFile(golden),
  };
}

/** Runs a test on the CPU. */
function onCpu(name: string, body: () => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      useDevice(await sharedDevice("cpu-1"));
      await body();
    },
  });
}

async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
}

async function withFolder(files: Files, body: (folder: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    await writeFiles(folder, files);
    await body(folder);
  });
}

async function assertComputes(model: GPT, golden: DecoderGolden): Promise<void> {
  const shape = [golden.inputs.length, golden.inputs[0].length];
  const ids = tensor(Int32Array.from(golden.inputs.flat()), {
    shape,
    device: model.tokens.weight.device,
  });
  const logits = await model.forward(ids).data();
  const expected = floats(golden.logits);
  const worst = expected.reduce((w, value, i) => Math.max(w, Math.abs(value - logits[i])), 0);
  assert.ok(worst < 1e-4, `${worst}`);
}

/** Runs `body` with variables of the environment set. */
async function withEnvironment(variables: Record<string, string>, body: () => Promise<void>) {
  const names = Object.keys(variables);
  const before = names.map((name) => Deno.env.get(name));
  for (const name of names) Deno.env.set(name, variables[name]);
  try {
    await body();
  } finally {
    names.forEach((name, i) => {
      const value = before[i];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    });
  }
}

for (const [name, golden] of Object.entries(DECODERS)) {
  onCpu(`${name} from a folder, in f32, f16 and bf16, in one file and in three`, async () => {
    for (const dtype of ["F32", "F16", "BF16"] as const) {
      const files = {
        ...await filesOf(golden),
        "model.safetensors": await weightFile(golden, { dtype }),
      };
      await withFolder(files, async (folder) => {
        const loaded = await loadPretrained(folder);
        const { model, config, architecture, endTokens } = loaded;
        assert.equal(architecture, golden.config.model_type);
        assert.deepEqual(config, model.config);
        assert.deepEqual(endTokens, [golden.config.eos_token_id]);
        assert.equal(loaded.hasTokenizer, false);
        assert.throws(() => loaded.tokenizer, {
          name: "UserError",
          message: `model ${folder}: no tokenizer was loaded with it; put its tokenizer.json ` +
            "beside the weights, or load another with loadTokenizer(place)",
        });
        await assertComputes(model, golden);
      });
    }
    await withFolder(await shardsOf(golden), async (folder) => {
      await assertComputes((await loadPretrained(new URL(`file://${folder}/`))).model, golden);
    });
  });
}

onCpu(
  "from an address, with its tokenizer; the second time from the cache; and without the server",
  async () => {
    const text = CharacterTokenizer.fromText("abc");
    const files = { ...await shardsOf(llama), "tokenizer.json": JSON.stringify(text) };
    await using server = serveModel(files);
    const url = server.url.slice(0, -1); // a final slash or none
    const seen: { loaded: number; total?: number }[] = [];
    const first = await loadPretrained(url, {
      onProgress: (progress) => seen.push({ ...progress }),
    });
    await assertComputes(first.model, llama);
    assert.equal(first.tokenizer?.kind, "characters");
    assert.ok(seen.every(({ loaded }, i) => i === 0 || loaded >= seen[i - 1].loaded));
    assert.equal(seen.at(-1)!.loaded, seen.at(-1)!.total);
    const gets = server.log.filter((line) => line.startsWith("GET")).length;
    await assertComputes((await loadPretrained(new URL(url), { tokenizer: false })).model, llama);
    assert.equal(server.log.filter((line) => line.startsWith("GET")).length, gets);
    await server.close();
    const third = await loadPretrained(url);
    await assertComputes(third.model, llama);
    assert.equal(third.tokenizer?.kind, "characters");
  },
);

onCpu("an interrupted download resumes", async () => {
  await using server = serveModel(await filesOf(gpt_neo));
  server.behavior.cuts = [300, 7, 50_000];
  await assertComputes((await loadPretrained(server.url)).model, gpt_neo);
  const weights = server.log.filter((line) => line.startsWith("GET model"));
  assert.equal(weights.length, 3); // the first cut fell into config.json
  assert.match(weights[2], /bytes=50007-$/);
});

onCpu(
  "by name: the hub's endpoint, revision and token; large files from elsewhere without the token",
  async () => {
    const files = await filesOf(gpt2);
    await using storage = serveModel(files);
    const hash = new Sha256();
    hash.update(files["model.safetensors"] as Uint8Array);
    const at = `owner/tiny-gpt2/resolve/${encodeURIComponent("refs/pr/1")}`;
    const hubFiles = Object.fromEntries(
      Object.entries(files).map((
        [name, content],
      ) => [decodeURIComponent(`${at}/${name}`), content]),
    );
    const weights = decodeURIComponent(`${at}/model.safetensors`);
    await using hub = serveModel(hubFiles, {
      token: "secret",
      storage: { url: storage.url, sha256: { [weights]: hash.hex() } },
    });
    const load = (options: LoadOptions = {}) =>
      loadPretrained("owner/tiny-gpt2", { revision: "refs/pr/1", ...options });
    await withEnvironment({ HF_ENDPOINT: `${hub.url}`, HF_TOKEN: "secret" }, async () => {
      const { model } = await load();
      await assertComputes(model, gpt2);
      assert.ok(hub.tokens.every((token) => token === "Bearer secret"));
      assert.ok(storage.log.length > 0 && storage.tokens.every((token) => token === null));
      await assert.rejects(loadPretrained("owner/tiny-gpt2"), /it has no config.json/); // main
    });
    await withEnvironment({ HF_ENDPOINT: hub.url, HF_TOKEN: "wrong" }, async () => {
      await assert.rejects(load(), { name: "UserError", message: /answers 401.*HF_TOKEN/ });
      await assertComputes((await load({ token: "secret" })).model, gpt2);
      hub.behavior.storage!.sha256[weights] = "0".repeat(64);
      await assert.rejects(load({ token: "secret" }), { name: "SyntaxError", message: /SHA-256/ });
    });
    await withEnvironment({ HF_ENDPOINT: "nonsense" }, async () => {
      await assert.rejects(load(), { name: "UserError", message: /HF_ENDPOINT/ });
    });
  },
);

onCpu("a cached commit of the hub is not requested again", async () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const files = Object.entries(await filesOf(gpt2));
  const at = `tiny-gpt2/resolve/${commit}`;
  await using hub = serveModel(
    Object.fromEntries(files.map(([name, content]) => [`${at}/${name}`, content])),
  );
  await withEnvironment({ HF_ENDPOINT: hub.url }, async () => {
    await loadPretrained("tiny-gpt2", { revision: commit, tokenizer: false });
    const before = hub.log.length;
    await loadPretrained("tiny-gpt2", { revision: commit, tokenizer: false });
    assert.equal(hub.log.length, before);
  });
});

onCpu(
  "names that are neither a folder nor on a hub, and revisions that are none, are refused",
  async () => {
    const names = [
      "../x/y",
      "a/../b",
      "..",
      "./x",
      "/nowhere/at-all",
      "a/b/c",
      "a//b",
      "-a/b",
      "a/.b",
    ];
    for (const name of [...names, "a/b?c", "a/b#c", "a\\b", "", "a/b--c", "ü/x", "a".repeat(97)]) {
      await assert.rejects(loadPretrained(name), { name: "UserError" }, name);
    }
    await assert.rejects(loadPretrained("ftp://host/x"), { name: "UserError" });
    for (const revision of ["../../x", "", "a b", "a..b", "-x", "a?b"]) {
      await assert.rejects(loadPretrained("a/b", { revision }), RangeError, revision);
    }
    await assert.rejects(loadPretrained("/tmp", { revision: "main" }), RangeError);
    const dtype = "f16" as "f32";
    await assert.rejects(loadPretrained("/tmp", { dtype }), /dtype: expected f32.*got f16/);
  },
);

onCpu("the hub's refusals are told apart: a revision, a gated model", async () => {
  await using hub = serveModel({}, { status: 404, errorCode: "RevisionNotFound" });
  await withEnvironment({ HF_ENDPOINT: hub.url }, async () => {
    const load = () => loadPretrained("some/model", { revision: "v9/x" });
    await assert.rejects(load(), { name: "UserError", message: /has no revision "v9\/x"/ });
    hub.behavior = { status: 404, errorCode: "EntryNotFound" };
    await assert.rejects(load(), { name: "UserError", message: /it has no config.json/ });
    hub.behavior = { status: 403, errorCode: "GatedRepo" };
    await assert.rejects(load(), { name: "UserError", message: /gated; accept .*set HF_TOKEN/ });
  });
});

onCpu("the token is HF_TOKEN, or that of the hub's own log-in", async () => {
  await withFolder({ token: "from-file\n" }, async (folder) => {
    const usual = {
      HF_TOKEN: "",
      HUGGING_FACE_HUB_TOKEN: "",
      HF_TOKEN_PATH: "",
      HF_HUB_DISABLE_IMPLICIT_TOKEN: "",
      HF_HOME: folder,
    };
    const expectToken = (token: string | undefined, more: Record<string, string>) =>
      withEnvironment({ ...usual, ...more }, () => {
        assert.equal(hubToken(), token);
        return Promise.resolve();
      });
    await expectToken("from-file", {});
    await expectToken("set", { HF_TOKEN: "set" });
    await expectToken(undefined, { HF_HOME: `${folder}/none` });
    await expectToken("from-file", { HF_TOKEN_PATH: `${folder}/token`, HF_HOME: "/none" });
    await expectToken(undefined, { HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" });
  });
});

onCpu(
  "pickled weights are refused with the reason and the way out; so are none at all",
  async () => {
    const config = JSON.stringify(gpt2.config);
    await withFolder({ "config.json": config, "pytorch_model.bin": "x" }, async (folder) => {
      await assert.rejects(loadPretrained(folder), {
        name: "UserError",
        message: /pytorch_model.bin, a Python pickle, .*safe_serialization=True/,
      });
    });
    await withFolder({ "config.json": config }, async (folder) => {
      await assert.rejects(loadPretrained(folder), /it has no model.safetensors/);
    });
    await withFolder({}, async (folder) => {
      await assert.rejects(loadPretrained(folder), /it has no config.json/);
    });
  },
);

onCpu(
  "weights of another model: missing and unexpected tensors, and a shape, are named",
  async () => {
    const config = { ...gpt2.config, n_layer: 3 };
    const files = await filesOf(gpt2);
    const refused = async (config: object, message: RegExp, changed: Files = {}) =>
      await withFolder(
        { ...files, "config.json": JSON.stringify(config), ...changed },
        async (folder) => {
          await assert.rejects(loadPretrained(folder), { name: "SyntaxError", message });
        },
      );
    await refused(
      config,
      /missing: "transformer.h.2.ln_1.weight".* and 7 more; not expected: none/,
    );
    await refused(
      { ...config, n_layer: 1 },
      /missing: none; not expected: "transformer.h.1.ln_1.weight"/,
    );
    await refused(
      { ...gpt2.config, n_positions: 81 },
      /transformer.wpe.weight: expected \[81,32\] for transformer.wpe.weight, got \[80,32\]/,
    );
    await refused({ ...gpt2.config, n_head: 5 }, /heads 5 does not divide width 32/);
    await refused({ model_type: "t5" }, /model .*config.json: model_type: expected one of gpt2/);
  },
);

onCpu("an index that names a file elsewhere, or one that is missing, is refused", async () => {
  const index = (file: unknown) =>
    JSON.stringify({ weight_map: { "transformer.wte.weight": file } });
  for (
    const file of [
      "../x.safetensors",
      "/etc/passwd",
      "a/b.safetensors",
      "x.bin",
      ".x.safetensors",
      1,
    ]
  ) {
    assert.throws(() => readIndex(index(file)), { name: "SyntaxError", message: /beside it, got/ });
  }
  for (const text of ["", "[]", "null", "{}", '{"weight_map":[]}', '{"weight_map":{}}']) {
    assert.throws(() => readIndex(text), { name: "SyntaxError" }, text);
  }
  const files = { "config.json": JSON.stringify(gpt2.config) };
  const named = { ...files, "model.safetensors.index.json": index("gone.safetensors") };
  await withFolder(named, async (folder) => {
    await assert.rejects(loadPretrained(folder), UserError);
  });
});

onCpu("a header that claims 25 MB is refused before it is read", async () => {
  const start = new Uint8Array(4096);
  new DataView(start.buffer).setUint32(0, MAX_HEADER_BYTES + 1, true);
  await using server = serveModel({ ...await filesOf(gpt2), "model.safetensors": start });
  await assert.rejects(loadPretrained(server.url), {
    name: "SyntaxError",
    message: /header length 25000001 is over the limit of 25000000 bytes/,
  });
});

onCpu("generation_config.json, if present, says which tokens end a text", async () => {
  const files = await filesOf(gpt2);
  const ends = async (text: string) => {
    const folder = await Deno.makeTempDir();
    try {
      await writeFiles(folder, { ...files, "generation_config.json": text });
      const { beginToken, endTokens } = await loadPretrained(folder);
      return [beginToken, endTokens];
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  assert.deepEqual(await ends('{"eos_token_id":[3,4],"bos_token_id":2}'), [2, [3, 4]]);
  assert.deepEqual(await ends("{}"), [0, [0]]);
  await assert.rejects(
    ends('{"eos_token_id":"a"}'),
    /generation_config.json: eos_token_id: expected a token id/,
  );
});

onCpu("a shorter context than the model's own, if its positions allow that", async () => {
  await withFolder(await filesOf(llama), async (folder) => {
    const { model, config } = await loadPretrained(folder, { contextLength: 24 });
    assert.equal(config.contextLength, 24);
    assert.ok(model.makeCache(1).layers[0].keys.shape.includes(24));
    await assertComputes(model, llama);
    await assert.rejects(
      loadPretrained(folder, { contextLength: 81 }),
      /contextLength: expected at most 80, got 81/,
    );
    await assert.rejects(loadPretrained(folder, { contextLength: 0 }), RangeError);
  });
  await withFolder(await filesOf(gpt2), async (folder) => {
    await assert.rejects(
      loadPretrained(folder, { contextLength: 8 }),
      /table of positions, \d+, got 8/,
    );
  });
});

onCpu("loading ends by its signal, and gives the device's memory back", async () => {
  const device = await sharedDevice("cpu-1");
  const files = await filesOf(gpt2);
  await withFolder(files, async (folder) => {
    const { used } = device.memory();
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("enough"));
    await assert.rejects(loadPretrained(folder, { signal: stop.signal, onProgress }), /enough/);
    assert.equal(device.memory().used, used);
  });
});

onCpu(
  "weights go to the named device, and new tensors to the current one as before",
  async () => {
    const device = await sharedDevice("cpu-2");
    await withFolder(await filesOf(gpt2), async (folder) => {
      const { model } = await loadPretrained(folder, { device });
      assert.equal(model.tokens.weight.device, device);
      assert.equal(tensor([1]).device, await sharedDevice("cpu-1"));
      await assertComputes(model, gpt2);
    });
  },
);
