// What stays in the browser: the session's key, what was agreed to, and messages that are not sent yet. Never the conversation itself.

export interface Waiting {
  id: string;
  text?: string;
  key?: string;
  title?: string;
}

export interface Kept {
  token?: string;
  expires?: number; // Unix seconds
  consent?: string;
  seen?: string; // key of the newest item that was on screen
}

export function freshId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Local storage, or memory where the browser refuses it. All tabs of a site share it. */
export class Store {
  #memory = new Map<string, string>();

  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get kept(): Kept {
    const kept = this.#read<Kept>("session") ?? {};
    if (kept.expires && kept.expires * 1000 <= Date.now()) {
      this.clear();
      return {};
    }
    return kept;
  }

  keep(change: Kept): void {
    this.#write("session", { ...this.kept, ...change });
  }

  get route(): string {
    const route = this.#read<string>("route") ?? freshId();
    this.#write("route", route);
    return route;
  }

  get queue(): Waiting[] {
    const queue = this.#read<Waiting[]>("queue");
    return Array.isArray(queue) ? queue.filter((entry) => typeof entry?.id === "string") : [];
  }

  enqueue(entry: Waiting): void {
    this.#write("queue", [...this.queue, entry]);
  }

  dequeue(id: string): void {
    this.#write("queue", this.queue.filter((entry) => entry.id !== id));
  }

  clear(): void {
    for (const part of ["session", "queue", "route"]) {
      this.#memory.delete(part);
      try {
        localStorage.removeItem(`${this.#name}:${part}`);
      } catch {
        // storage is refused: memory was all there is
      }
    }
  }

  #read<T>(part: string): T | null {
    try {
      const text = this.#memory.get(part) ?? localStorage.getItem(`${this.#name}:${part}`);
      return text ? (JSON.parse(text) as T) : null;
    } catch {
      return null;
    }
  }

  #write(part: string, value: unknown): void {
    const text = JSON.stringify(value);
    try {
      localStorage.setItem(`${this.#name}:${part}`, text);
      this.#memory.delete(part);
    } catch {
      this.#memory.set(part, text);
    }
  }
}
