/**
 * A headless Chromium, driven through its DevTools protocol, for tests of pages.
 *
 * Source of the protocol: https://chromedevtools.github.io/devtools-protocol/
 *
 * @module
 */
import assert from "node:assert/strict";

/** The quickest first. */
const NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

const SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** The browser's path; undefined if none is installed. FOLIO_CHROMIUM may name another path. */
export const CHROMIUM: string | undefined = Deno.env.get("FOLIO_CHROMIUM") ?? findChromium();

function findChromium(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const paths = NAMES.flatMap((name) => folders.map((folder) => `${folder}/${name}`));
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

// deno-lint-ignore no-explicit-any -- whatever a command of the protocol answers
type Reply = any;

/** A running browser. */
export class Browser implements AsyncDisposable {
  #last = 0;
  readonly #replies = new Map<number, PromiseWithResolvers<Reply>>();
  readonly #pages = new Map<string, Page>();

  private constructor(
    readonly child: Deno.ChildProcess,
    readonly profile: string,
    readonly socket: WebSocket,
  ) {
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
  }

  /** Starts the browser with an empty profile; `webgpu` gives it a WebGPU adapter in software. */
  static async start(path: string, { webgpu = false } = {}): Promise<Browser> {
    const profile = await Deno.makeTempDir({ prefix: "folio-browser-" });
    const args = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"];
    args.push(...webgpu ? SOFTWARE_WEBGPU : ["--disable-gpu"]);
    args.push("--no-first-run", "--hide-scrollbars", "--remote-debugging-port=0");
    // A page that is not in front draws as well.
    args.push("--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows");
    const child = new Deno.Command(path, {
      args: [...args, `--user-data-dir=${profile}`, "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const socket = new WebSocket(await debuggerAddress(child));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return new Browser(child, profile, socket);
  }

  /** Opens an address in a new page of `width` × `height` pixels. */
  async open(
    url: string,
    { width = 1280, height = 900, dark = false }: {
      width?: number;
      height?: number;
      dark?: boolean;
    } = {},
  ): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", {
      url: "about:blank",
      newWindow: true,
    });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId, targetId);
    this.#pages.set(sessionId, page);
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    const screen = { width, height, deviceScaleFactor: 1, mobile: width < 500 };
    await page.send("Emulation.setDeviceMetricsOverride", screen);
    const scheme = { name: "prefers-color-scheme", value: dark ? "dark" : "light" };
    await page.send("Emulation.setEmulatedMedia", { features: [scheme] });
    await page.send("Page.navigate", { url });
    return page;
  }

  /** Sends a command, to a page if `sessionId` is passed. */
  send(method: string, params: object = {}, sessionId?: string): Promise<Reply> {
    const id = ++this.#last;
    const reply = Promise.withResolvers<Reply>();
    this.#replies.set(id, reply);
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    return reply.promise;
  }

  /** Ends the browser and removes its profile. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.send("Browser.close").catch(() => {});
    await this.child.status;
    this.socket.close();
    await Deno.remove(this.profile, { recursive: true });
  }

  #receive({ id, result, error, method, params, sessionId }: Reply): void {
    if (id === undefined) return this.#pages.get(sessionId)?.note(method, params);
    const reply = this.#replies.get(id);
    this.#replies.delete(id);
    if (error) reply?.reject(new Error(`${error.message} ${error.data ?? ""}`));
    else reply?.resolve(result);
  }
}

/** What a test answers instead of a server. */
export interface PageAnswer {
  readonly status: number;
  readonly body: string;
}

/** One page. */
export class Page {
  /** What its console has shown, warnings and errors of the browser among it. */
  readonly messages: string[] = [];
  #answer?: (url: string) => PageAnswer;

  constructor(
    readonly browser: Browser,
    readonly sessionId: string,
    readonly targetId: string,
  ) {}

  /** Sends a command to this page. */
  send(method: string, params: object = {}): Promise<Reply> {
    return this.browser.send(method, params, this.sessionId);
  }

  /** Answers the page's requests to addresses like `pattern` (`https://host/*`) itself. */
  async intercept(pattern: string, answer: (url: string) => PageAnswer): Promise<void> {
    this.#answer = answer;
    await this.send("Fetch.enable", { patterns: [{ urlPattern: pattern }] });
  }

  /** Takes in an event of the protocol. */
  note(method: string, params: Reply): void {
    if (method === "Fetch.requestPaused") {
      const { status, body } = this.#answer!(params.request.url);
      const responseHeaders = [{ name: "access-control-allow-origin", value: "*" }];
      const content = new TextEncoder().encode(body).toBase64();
      const reply = { requestId: params.requestId, responseCode: status, responseHeaders };
      this.send("Fetch.fulfillRequest", { ...reply, body: content });
    } else if (method === "Runtime.exceptionThrown") {
      const { exception, text } = params.exceptionDetails;
      this.messages.push(exception?.description ?? text);
    } else if (method === "Runtime.consoleAPICalled") {
      this.messages.push(params.args.map((arg: Reply) => arg.value ?? arg.description).join(" "));
    } else if (method === "Log.entryAdded") {
      this.messages.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    }
  }

  /** The value of an expression on the page. */
  async evaluate(expression: string): Promise<Reply> {
    const options = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", options);
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Waits until an expression is true; an error after a minute. */
  async until(expression: string): Promise<void> {
    const end = performance.now() + 60_000;
    while (!await this.evaluate(`Boolean(${expression})`).catch(() => false)) {
      if (performance.now() > end) throw new Error(`the page never reached ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Presses a key, such as `ArrowLeft` or `Tab`. */
  async press(key: string): Promise<void> {
    const codes: Record<string, number> = { Tab: 9, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39 };
    const event = { key, code: key, windowsVirtualKeyCode: codes[key] };
    await this.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** Moves the pointer to a place in the window. */
  async pointAt(x: number, y: number): Promise<void> {
    await this.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  }

  /** The whole page as a PNG file. */
  async screenshot(): Promise<Uint8Array> {
    await this.send("Page.bringToFront");
    const { cssContentSize: { width, height } } = await this.send("Page.getLayoutMetrics");
    const clip = { x: 0, y: 0, width, height, scale: 1 };
    const options = { format: "png", captureBeyondViewport: true, clip };
    const { data } = await this.send("Page.captureScreenshot", options);
    return Uint8Array.fromBase64(data);
  }

  /** Closes the page. */
  async close(): Promise<void> {
    await this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }
}

async function debuggerAddress(child: Deno.ChildProcess): Promise<string> {
  let text = "";
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the browser did not start: ${text}`);
    text += value;
    const address = /DevTools listening on (ws:\S+)/.exec(text);
    if (!address) continue;
    reader.releaseLock();
    child.stderr.pipeTo(new WritableStream()).catch(() => {});
    return address[1];
  }
}

/** Asserts that nothing is wider than the screen. */
export async function expectFits(page: Page): Promise<void> {
  const { width, inner } = await page.evaluate(
    `({ width: document.documentElement.scrollWidth, inner: innerWidth })`,
  );
  assert.ok(width <= inner, `${width} wide on ${inner}`);
}

/** Returns a function from a role to the names that a screen reader says of elements with it. */
export async function accessibleNames(page: Page): Promise<(role: string) => string[]> {
  const { nodes } = await page.send("Accessibility.getFullAXTree");
  return (role) =>
    nodes.filter((node: { role?: { value: string }; ignored: boolean }) =>
      !node.ignored && node.role?.value === role
    ).map((node: { name?: { value: string } }) => node.name?.value ?? "");
}
