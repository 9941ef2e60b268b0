// The way to the server: one socket, a queue that outlives reloads, and the other tabs of this browser.
import { io, type Socket } from "socket.io-client";
import { freshId, type Store, type Waiting } from "./store";

export interface Button {
  title: string;
  key: string;
}

export interface Item {
  key: string;
  from: "visitor" | "clinic";
  at: number; // Unix seconds
  text?: string;
  buttons?: Button[];
  data?: Record<string, unknown>;
}

interface Reply {
  status: string;
  items: Item[] | null;
  token?: string;
  expires?: number;
}

export type State = "closed" | "connecting" | "open" | "lost";

export interface Hears {
  state(state: State): void;
  history(items: Item[]): void;
  items(items: Item[]): void; // from another tab or device
  answered(id: string, items: Item[]): void;
  queued(entry: Waiting): void; // in another tab
  typing(): void;
  slow(): void;
  ended(why: "session" | "consent" | "erased"): void;
}

const ANSWER_WITHIN = 45_000; // ms; the server gives up after 40 s
const SLOW_AFTER = 12_000;

export class Link {
  state: State = "closed";
  #socket: Socket | null = null;
  #tabs: BroadcastChannel | null = null;
  #sending = false;
  #again = 0;

  readonly #server: string;
  readonly #name: string;
  readonly #store: Store;
  readonly #hears: Hears;

  constructor(
    server: string,
    name: string,
    store: Store,
    hears: Hears,
  ) {
    this.#server = server;
    this.#name = name;
    this.#store = store;
    this.#hears = hears;
    if ("BroadcastChannel" in window) {
      this.#tabs = new BroadcastChannel(name);
      this.#tabs.onmessage = ({ data }) => this.#fromTab(data);
    }
  }

  /** Open the socket. Nothing reaches the server before this; it is called only after the visitor agreed. */
  connect(): void {
    if (this.#socket) return;
    this.#become("connecting");
    const socket = io(this.#server, {
      query: { route: this.#store.route }, // keeps a browser at one of several server processes
      transports: "WebSocket" in window ? ["websocket", "polling"] : ["polling"],
      tryAllTransports: true,
      reconnectionDelay: 400,
      reconnectionDelayMax: 8000,
      timeout: 8000,
      forceNew: true,
      auth: (answer) => {
        const { token, consent } = this.#store.kept;
        answer(token ? { token } : { consent });
      },
    });
    this.#socket = socket;
    socket.on("connect", () => this.#open());
    socket.on("disconnect", (reason) => {
      if (this.#socket !== socket) return;
      this.#become("lost");
      if (reason === "io server disconnect") setTimeout(() => this.#socket === socket && socket.connect(), 400);
    });
    socket.on("connect_error", ({ message }) => {
      if (message === "session" || message === "consent") this.#end(message);
      else this.#become("lost");
    });
    socket.on("turn", (data: Reply) => this.#hears.items(list(data?.items)));
    socket.on("typing", () => this.#hears.typing());
    socket.on("erased", () => this.#end("erased"));
  }

  say(entry: Waiting): void {
    this.#store.enqueue(entry);
    this.#tell("queued", entry);
    void this.#flush();
  }

  /** Whether the conversation is gone from the server. */
  async erase(): Promise<boolean> {
    const { token } = this.#store.kept;
    if (token) {
      if (!this.#socket?.connected) return false;
      const reply = await this.#ask<Reply>("erase", {}, 20_000);
      if (reply?.status !== "erased") return false;
    }
    this.#tell("erased");
    this.close();
    this.#store.clear();
    return true;
  }

  close(): void {
    clearTimeout(this.#again);
    const socket = this.#socket;
    this.#socket = null;
    socket?.disconnect();
    this.#become("closed");
  }

  leave(): void {
    this.close();
    this.#tabs?.close();
  }

  #become(state: State): void {
    if (this.state === state) return;
    this.state = state;
    this.#hears.state(state);
  }

  #end(why: "session" | "consent" | "erased"): void {
    this.close();
    this.#store.clear();
    this.#hears.ended(why);
  }

  async #open(): Promise<void> {
    const socket = this.#socket;
    const reply = await this.#ask<Reply>("open", {}, 15_000);
    if (this.#socket !== socket || !socket?.connected) return;
    if (reply?.status !== "open") {
      this.#again = window.setTimeout(() => socket.connected && void this.#open(), 3000);
      return;
    }
    this.#keepPass(reply);
    if (Array.isArray(reply.items)) this.#hears.history(list(reply.items));
    this.#become("open");
    this.#tell("opened");
    void this.#flush();
  }

  #keepPass({ token, expires }: Reply): void {
    if (token && expires) this.#store.keep({ token, expires });
  }

  #ask<T>(event: string, data: unknown, within: number): Promise<T | null> {
    return new Promise((resolve) => {
      if (!this.#socket?.connected) return resolve(null);
      this.#socket.timeout(within).emit(event, data, (error: Error | null, reply: T) => resolve(error ? null : reply));
    });
  }

  /** Send what waits, one after the other, by one tab at a time; the server knows a message by its id, so twice does no harm. */
  async #flush(): Promise<void> {
    if (this.#sending || this.state !== "open") return;
    this.#sending = true;
    try {
      if (navigator.locks) await navigator.locks.request(this.#name, () => this.#sendAll());
      else await this.#sendAll();
    } finally {
      this.#sending = false;
    }
    if (this.#store.queue.length && this.state === "open") {
      clearTimeout(this.#again);
      this.#again = window.setTimeout(() => void this.#flush(), 2000);
    }
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#store.queue[0]; next && this.state === "open"; next = this.#store.queue[0]) {
      const slow = setTimeout(() => this.#hears.slow(), SLOW_AFTER);
      const { id, text, key } = next;
      const reply = await this.#ask<Reply>("say", key ? { id, key } : { id, text }, ANSWER_WITHIN);
      clearTimeout(slow);
      if (!reply) return;
      if (reply.status === "expired") return this.#end("session");
      this.#store.dequeue(id);
      this.#keepPass(reply);
      this.#hears.answered(id, list(reply.items));
    }
  }

  #tell(what: string, entry?: Waiting): void {
    this.#tabs?.postMessage({ what, entry });
  }

  #fromTab({ what, entry }: { what?: string; entry?: Waiting }): void {
    if (what === "queued" && entry) {
      this.#hears.queued(entry);
      void this.#flush();
    } else if (what === "opened" && !this.#socket) {
      this.connect();
    } else if (what === "erased") {
      this.#end("erased");
    }
  }
}

function list(items: unknown): Item[] {
  return Array.isArray(items) ? items.filter((item): item is Item => typeof item?.key === "string" && typeof item?.from === "string") : [];
}

export { freshId };
