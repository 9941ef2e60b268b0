// <stria-chat>: what visitors see. Opens only when asked, connects only after they agreed, and never lets words become markup.
import sheet from "./chat.css";
import night from "./dark.css";
import { h, icon, link, saveFile, telephone, type Icon } from "./dom";
import { Link, type Button, type Item, type State } from "./link";
import { body, card, dateChoice, records, slots, sources, text } from "./render";
import { freshId, Store, type Waiting } from "./store";
import { fill, merge, type Strings } from "./strings";

interface Settings {
  clinic: string;
  phone: string;
  email: string;
  emergency: { number: string; urgent: string; crisis: string };
  consent: { version: string; lines: string[]; agreement: string; page: string };
  topics: string[];
  typing_delay_ms: number;
  theme: Record<string, string>;
  strings: Record<string, string>;
}

const LONGEST = 1000; // characters the assistant reads
const FULL_SCREEN = "(max-width: 480px), (max-height: 480px)";
const GATE_ICONS: Icon[] = ["spark", "look", "alert", "lock"];

const base = new CSSStyleSheet();
base.replaceSync(sheet);

export class StriaChat extends HTMLElement {
  static observedAttributes = ["theme"];

  #own: Record<string, string> = {};
  #fetched: Record<string, string> = {};
  #words: Strings = merge();
  #settings: Settings | null = null;
  #link: Link | null = null;
  #store!: Store;
  #theme = new CSSStyleSheet();
  #dark = new CSSStyleSheet();
  #full = matchMedia(FULL_SCREEN);

  #shown = new Map<string, HTMLElement>(); // by item key
  #items: Item[] = [];
  #pending = new Map<string, number>(); // when a message was sent, by its id
  #tally = 0; // unread
  #offered: Item | null = null;
  #typingTimer = 0;
  #wasLost = false;
  #opener: HTMLElement | null = null; // what on the page opened the chat and gets the focus back

  #launcher!: HTMLButtonElement;
  #dialog!: HTMLDialogElement;
  #main!: HTMLElement;
  #parts!: {
    title: HTMLElement;
    help: HTMLElement;
    log: HTMLElement;
    tray: HTMLElement;
    typing: HTMLElement;
    status: HTMLElement;
    composer: HTMLTextAreaElement;
    below: HTMLButtonElement;
    count: HTMLElement;
    menu: HTMLElement;
  };

  /** Texts in place of the widget's own; the page may set them at any time before the chat is opened. */
  set strings(own: Record<string, string>) {
    this.#own = own;
    this.#build();
  }

  get strings(): Record<string, string> {
    return this.#words;
  }

  get server(): string {
    return (this.getAttribute("server") ?? "").replace(/\/$/, "") || location.origin;
  }

  get open(): boolean {
    return this.#dialog?.open ?? false;
  }

  /** theme="light" or "dark"; else as the visitor's system has it. */
  attributeChangedCallback(): void {
    const theme = this.getAttribute("theme");
    this.#dark.media.mediaText = theme === "dark" ? "all" : theme === "light" ? "not all" : "(prefers-color-scheme: dark)";
  }

  connectedCallback(): void {
    if (!this.shadowRoot) {
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [base, this.#dark, this.#theme];
      this.#dark.replaceSync(night);
      this.attributeChangedCallback();
      this.#store = new Store(`stria-chat:${this.server}`);
      this.#build();
    }
    this.#full.addEventListener("change", this.#refit);
    document.addEventListener("visibilitychange", this.#read);
    // Somebody who was here before sees by the badge that an answer came meanwhile.
    if (this.#store.kept.token) ("requestIdleCallback" in window ? requestIdleCallback : setTimeout)(() => this.isConnected && void this.#resume());
  }

  disconnectedCallback(): void {
    this.#full.removeEventListener("change", this.#refit);
    document.removeEventListener("visibilitychange", this.#read);
    this.#link?.leave();
    this.#link = null;
  }

  // ── building ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #fill(name: keyof Strings, more: Record<string, string | number> = {}): string {
    const { clinic = "", phone = "", email = "", emergency } = this.#settings ?? {};
    return fill(this.#words[name], { clinic, phone, email, ...emergency, ...more });
  }

  #button(name: keyof Strings, shape: Icon | null, click: () => void, style = "plain", more: Record<string, string> = {}): HTMLButtonElement {
    return h("button", { type: "button", class: style, click, ...more }, shape && icon(shape), this.#fill(name));
  }

  #round(name: keyof Strings, shape: Icon, click: () => void, more: Record<string, string> = {}): HTMLButtonElement {
    return h("button", { type: "button", class: "round", "aria-label": this.#fill(name), title: this.#fill(name), click, ...more }, icon(shape));
  }

  #build(): void {
    if (!this.shadowRoot || this.#link) return; // a conversation keeps the words it began with
    this.#words = merge(this.#settings?.strings, this.#fetched, this.#own);
    const wasOpen = this.open;
    this.#launcher = h("button", { type: "button", class: "launcher", "aria-expanded": "false", "aria-haspopup": "dialog", click: () => this.show() });
    this.#main = h("div", { class: "main" });
    this.#dialog = h("dialog", { class: "panel", "aria-labelledby": "title", keydown: (event: KeyboardEvent) => this.#keys(event), close: () => this.#closed() });
    const title = h("h2", { id: "title" }, this.#settings ? this.#fill("title") : this.#words.launcher);
    const help = h("div", { class: "help-card", hidden: true });
    const menu = h("div", { class: "menu", hidden: true, id: "menu" });
    const person = this.#button("person", "person", () => this.#showHelp("person"), "strip", { "aria-expanded": "false", "aria-controls": "help" });
    const emergency = this.#button("emergency", "alert", () => this.#showHelp("emergency"), "strip alarm", { "aria-expanded": "false", "aria-controls": "help" });
    help.id = "help";
    const log = h("div", { class: "log", role: "log", "aria-label": this.#words.log, "aria-live": "polite", tabindex: 0, scroll: () => this.#scrolled() });
    const below = this.#button("newBelow", "down", () => this.#toEnd(true), "below");
    below.hidden = true;
    const composer = h("textarea", {
      id: "composer",
      rows: 1,
      maxlength: LONGEST,
      placeholder: this.#words.placeholder,
      "aria-label": this.#words.composer,
      "aria-describedby": "count",
      autocomplete: "off",
      dir: "auto",
      enterkeyhint: "send",
      input: () => this.#grow(),
      keydown: (event: KeyboardEvent) => this.#enter(event),
    });
    this.#parts = {
      title,
      help,
      menu,
      log,
      below,
      composer,
      tray: h("div", { class: "tray", role: "group", "aria-label": this.#words.suggestions, tabindex: -1, hidden: true }),
      typing: h("div", { class: "typing", hidden: true, "aria-hidden": "true" }, h("span"), h("span"), h("span")),
      status: h("p", { class: "status", role: "status" }),
      count: h("span", { class: "count", id: "count" }),
    };
    this.#dialog.append(
      h(
        "header",
        {},
        h("span", { class: "mark" }, icon("leaf")),
        h("div", { class: "names" }, title, h("p", {}, this.#words.subtitle)),
        this.#round("menu", "more", () => this.#toggleMenu(), { "aria-expanded": "false", "aria-controls": "menu", id: "more" }),
        this.#round("close", "close", () => this.hide()),
      ),
      menu,
      h("div", { class: "strips" }, person, emergency),
      help,
      this.#main,
    );
    this.shadowRoot.replaceChildren(this.#launcher, this.#dialog);
    this.#badge();
    if (wasOpen) this.show();
  }

  /** What is agreed to before anything is sent; while it is fetched, or cannot be, a word about that. */
  #gate(note: keyof Strings | "" = "", failed = false): void {
    this.#offered = null;
    this.#parts.menu.hidden = true;
    const consent = this.#settings?.consent;
    const lines = (consent?.lines ?? []).map((line, index) => h("li", {}, icon(GATE_ICONS[index] ?? "spark"), h("span", {}, body(line, this.#phones()))));
    this.#main.replaceChildren(
      h(
        "section",
        { class: "gate", "aria-labelledby": "gate" },
        note ? h("p", { class: "note", role: "status" }, this.#fill(note)) : null,
        h("h3", { id: "gate", tabindex: -1 }, this.#words.gateTitle),
        ...(consent
          ? [
              h("p", {}, this.#words.gateHello),
              h("ul", {}, ...lines),
              h("p", { class: "small" }, consent.agreement, consent.page ? " " : "", consent.page ? link(new URL(consent.page, location.href).href, this.#words.gateMore) : null),
              h(
                "div",
                { class: "choices" },
                this.#button("gateAccept", null, () => this.#accept(), "solid", { id: "accept" }),
                this.#button("gateDecline", null, () => this.hide(), "quiet"),
              ),
            ]
          : failed
            ? [
                h("p", { role: "alert" }, this.#words.gateDown),
                h("div", { class: "choices" }, this.#button("retry", null, () => void this.#begin(), "solid")),
              ]
            : [h("p", { role: "status" }, this.#words.gateLoading)]),
      ),
    );
    this.#showMore(false);
  }

  #showMore(visible: boolean): void {
    const more = this.shadowRoot?.getElementById("more");
    if (more) more.hidden = !visible;
  }

  #conversation(): void {
    const { log, tray, typing, status, composer, below, count } = this.#parts;
    if (log.isConnected) return;
    log.replaceChildren();
    this.#shown.clear();
    this.#items = [];
    log.append(this.#bubble("clinic", [h("p", { dir: "auto" }, this.#fill("greeting"))], "greeting"));
    const form = h("form", { class: "composer", submit: (event: Event) => this.#submit(event) }, composer, h("button", { type: "submit", class: "send", "aria-label": this.#words.send, title: this.#words.send }, icon("send")));
    this.#main.replaceChildren(h("div", { class: "scroll" }, log, typing, below), h("div", { class: "dock" }, status, tray, count, form));
    this.#showMore(true);
    this.#suggest();
  }

  // ── opening and closing ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Open the chat, as the launcher does. */
  show(): void {
    if (this.#dialog.open) return;
    const focused = document.activeElement as HTMLElement;
    if (focused !== this && focused !== document.body) this.#opener = focused;
    if (this.#full.matches) this.#dialog.showModal();
    else this.#dialog.show();
    this.#launcher.setAttribute("aria-expanded", "true");
    this.toggleAttribute("open", true);
    void this.#begin();
    this.#read();
  }

  hide(): void {
    this.#dialog.close();
    this.#closed();
  }

  #closed(): void {
    if (this.#dialog.open || !this.hasAttribute("open")) return; // opened anew in the other mode meanwhile, or done already
    this.#launcher.setAttribute("aria-expanded", "false");
    this.toggleAttribute("open", false);
    (this.#opener ?? this.#launcher).focus();
    this.#opener = null;
  }

  #refit = (): void => {
    if (!this.open) return;
    const focused = this.shadowRoot?.activeElement;
    this.#dialog.close();
    this.show();
    if (focused instanceof HTMLElement) focused.focus();
  };

  #keys(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.preventDefault();
    if (!this.#parts.menu.hidden) this.#toggleMenu();
    else if (!this.#parts.help.hidden) this.#showHelp(null);
    else this.hide();
  }

  async #load(): Promise<boolean> {
    if (this.#settings) return true;
    try {
      const place = this.getAttribute("strings");
      const [settings, strings] = await Promise.all([
        fetch(`${this.server}/webhooks/website/settings`, { credentials: "omit" }),
        place ? fetch(new URL(place, location.href), { credentials: "omit" }).catch(() => null) : null,
      ]);
      if (!settings.ok) return false;
      this.#settings = (await settings.json()) as Settings;
      if (strings?.ok) this.#fetched = (await strings.json().catch(() => ({}))) as Record<string, string>;
    } catch {
      return false;
    }
    this.#paint(this.#settings.theme ?? {});
    return true;
  }

  /** The clinic's colours; the words on the accent are black or white, whichever reads better. */
  #paint(theme: Record<string, string>): void {
    const rules = ["accent", "accent-dark"].flatMap((name) => {
      const colour = theme[name] ?? "";
      if (!/^#[0-9a-f]{6}$/i.test(colour)) return [];
      const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
      const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      return [`--theme-${name}:${colour}`, `--theme-on-${name}:${1.05 / (light + 0.05) >= (light + 0.05) / 0.06 ? "#ffffff" : "#10201e"}`];
    });
    this.#theme.replaceSync(`:host{${rules.join(";")}}`);
  }

  async #begin(): Promise<void> {
    const kept = this.#store.kept;
    if (this.#parts.log.isConnected && this.#link) return this.#focusStart();
    if (!this.#settings) {
      this.#gate();
      this.#focusStart();
      if (!(await this.#load())) {
        this.#gate("", true);
        return this.#focusStart();
      }
      this.#build();
      if (!this.open) return;
    }
    if (kept.token || kept.consent === this.#settings?.consent.version) this.#start();
    else this.#gate();
    this.#focusStart();
  }

  async #resume(): Promise<void> {
    if (this.#link || !(await this.#load()) || this.#link || this.open || !this.#store.kept.token) return;
    this.#build();
    this.#start();
  }

  #start(): void {
    this.#conversation();
    this.#link ??= new Link(this.server, `stria-chat:${this.server}`, this.#store, {
      state: (state) => this.#stateChanged(state),
      history: (items) => this.#replay(items),
      items: (items) => this.#append(items),
      answered: (id, items) => void this.#answered(id, items),
      queued: (entry) => this.#wait(entry),
      typing: () => this.#typing(true),
      slow: () => this.#say("slow"),
      ended: (why) => this.#ended(why === "erased" ? "gateErased" : why === "session" ? "gateEnded" : ""),
    });
    this.#link.connect();
    for (const entry of this.#store.queue) this.#wait(entry);
  }

  #accept(): void {
    this.#store.keep({ consent: this.#settings?.consent.version });
    this.#start();
    this.#parts.composer.focus();
  }

  #ended(note: keyof Strings | ""): void {
    this.#link?.leave();
    this.#link = null;
    this.#shown.clear();
    this.#items = [];
    this.#pending.clear();
    this.#tally = 0;
    if (note !== "gateErased") this.#settings = null; // the text that was agreed to may have changed
    this.#showHelp(null);
    this.#badge();
    this.#main.replaceChildren();
    if (!this.open) return;
    if (this.#settings) {
      this.#gate(note);
      this.#focusStart();
    } else {
      void this.#load().then((loaded) => {
        if (loaded) this.#gate(note);
        else this.#gate("", true);
        this.#focusStart();
      });
    }
  }

  #focusStart(): void {
    if (!this.open) return;
    const coarse = matchMedia("(pointer: coarse)").matches;
    const target = this.#parts.log.isConnected ? (coarse ? this.#parts.log : this.#parts.composer) : this.shadowRoot?.getElementById("gate");
    target?.focus();
  }

  // ── what was said ───────────────────────────────────────────────────────────────────────────────────────────────────

  #bubble(from: "visitor" | "clinic", content: (Node | string | null)[], key: string): HTMLElement {
    const who = h("span", { class: "unseen" }, this.#speaker(from, key));
    return h("div", { class: `turn ${from}${key.startsWith("staff:") ? " staff" : ""}`, "data-key": key }, h("div", { class: "bubble" }, who, ...content));
  }

  /** Who says it, before the words; what a person of the clinic says begins with their name. */
  #speaker(from: "visitor" | "clinic", key: string): string {
    return from === "visitor" ? `${this.#words.you}: ` : key.startsWith("staff:") ? "" : `${this.#words.assistant}: `;
  }

  /** Put an item into the log unless it is there. True when it is new. */
  #put(item: Item): boolean {
    const known = this.#shown.get(item.key);
    if (known) {
      if (item.from === "visitor") this.#mark(known, "sent");
      return false;
    }
    let element: HTMLElement | null = null;
    try {
      element = this.#draw(item);
    } catch (error) {
      console.error("stria-chat: an item could not be shown", error instanceof Error ? error.name : "");
    }
    this.#items.push(item);
    this.#shown.set(item.key, element ?? document.createElement("i"));
    return element !== null;
  }

  #draw(item: Item): HTMLElement | null {
    const { log } = this.#parts;
    const data = item.data && typeof item.data === "object" ? item.data : null;
    if (data) {
      const disclosure = data.type === "answer" ? sources(data, this.#words) : null;
      const last = log.lastElementChild;
      if (disclosure && last?.classList.contains("clinic")) {
        last.firstElementChild?.append(disclosure);
        return last as HTMLElement;
      }
      const shown = card(data, this.#words);
      if (!shown) return null;
      const element = this.#bubble("clinic", [shown], item.key);
      log.append(element);
      return element;
    }
    const content = text(item.text, 6000);
    if (!content) return null;
    const element = this.#bubble(item.from, [body(content, item.from === "clinic" ? this.#phones() : [])], item.key);
    log.append(element);
    return element;
  }

  /** Numbers that may be called from the text they stand in. */
  #phones(): string[] {
    const { phone, emergency } = this.#settings ?? {};
    if (!phone || !emergency) return [];
    const others = `${emergency.number} ${emergency.urgent} ${/call (?:or text )?[\d -]+/.exec(emergency.crisis)?.[0] ?? ""}`;
    return [phone, ...(others.match(/\d[\d -]*\d/g) ?? [])];
  }

  #mark(element: HTMLElement, state: "sent" | "sending" | "waiting"): void {
    element.querySelector(".delivery")?.remove();
    element.classList.toggle("pending", state !== "sent");
    element.append(h("span", { class: "delivery" }, this.#words[state]));
    if (state === "sent") for (const other of this.#parts.log.querySelectorAll(".delivery")) if (other.parentElement !== element && !other.parentElement?.classList.contains("pending")) other.remove();
  }

  /** Show a message that is not acknowledged yet. */
  #wait(entry: Waiting): void {
    if (this.#shown.has(entry.id)) return;
    const item: Item = { key: entry.id, from: "visitor", at: Date.now() / 1000, text: entry.title ?? entry.text };
    this.#pending.set(entry.id, performance.now());
    this.#put(item);
    const element = this.#shown.get(entry.id);
    if (element) this.#mark(element, this.#link?.state === "open" ? "sending" : "waiting");
    this.#offered = null;
    this.#suggest();
    this.#toEnd(true);
  }

  #post(words: string, button?: Button): void {
    const content = words.trim();
    if (!content) return;
    const entry: Waiting = button ? { id: freshId(), key: button.key, title: content } : { id: freshId(), text: content };
    this.#wait(entry);
    if (this.#link?.state === "open") this.#typing(true);
    this.#link?.say(entry);
  }

  async #answered(id: string, items: Item[]): Promise<void> {
    const delay = (this.#settings?.typing_delay_ms ?? 0) - (performance.now() - (this.#pending.get(id) ?? 0));
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    const element = this.#shown.get(id);
    if (element) this.#mark(element, "sent");
    this.#pending.delete(id);
    this.#append(items);
  }

  #append(items: Item[]): void {
    this.#conversation();
    if (!this.#pending.size || items.length) this.#typing(false);
    if (!this.#parts.status.dataset.lasting) this.#say("");
    const first = items.filter((item) => this.#put(item)).find((item) => item.from === "clinic");
    const added = items.filter((item) => item.from === "clinic");
    if (added.length) this.#offer(added);
    if (first && !this.#reading()) {
      this.#tally += added.filter((item) => item.text).length;
      this.#badge();
    }
    this.#toEnd(false, first ? this.#shown.get(first.key) : undefined);
    this.#read();
  }

  /** Fill the log from the server without a word to the screen reader: it was all said before. */
  #replay(items: Item[]): void {
    const { log } = this.#parts;
    const before = new Set(this.#shown.keys());
    const unread = items.findIndex((item) => item.key === this.#store.kept.seen);
    log.setAttribute("aria-live", "off");
    const waiting = [...this.#pending.keys()].map((id) => this.#shown.get(id)).filter((element): element is HTMLElement => !!element);
    for (const item of items) this.#put(item);
    if (items.length) log.append(...waiting.filter((element) => element.classList.contains("pending")));
    for (const item of items) if (this.#pending.delete(item.key)) this.#store.dequeue(item.key);
    const fresh = items.slice(unread + 1).filter((item) => item.from === "clinic" && item.text && !before.has(item.key));
    setTimeout(() => log.setAttribute("aria-live", "polite"), 200);
    const last = items.map((item) => item.from).lastIndexOf("visitor");
    this.#offered = null;
    if (!this.#pending.size) this.#offer(items.slice(last + 1));
    if (fresh.length && (unread >= 0 || !this.#store.kept.seen) && !this.#reading()) {
      this.#tally = fresh.length;
      this.#badge();
    }
    this.#toEnd(true);
    this.#read();
  }

  #offer(items: Item[]): void {
    this.#offered = [...items].reverse().find((item) => records(item.buttons).length || ["slots", "date"].includes(text(item.data?.type))) ?? null;
    this.#suggest();
  }

  /** What can be pressed now: the newest answer's buttons or picker, or at the very beginning the topics. */
  #suggest(): void {
    const { tray } = this.#parts;
    const held = tray.contains(this.shadowRoot?.activeElement ?? null);
    const rows: (HTMLElement | null)[] = [];
    const turn = this.#offered ? this.#items.filter((item) => item.key.split(":")[0] === this.#offered?.key.split(":")[0] && item.from === "clinic") : [];
    for (const { data } of turn) {
      if (data?.type === "slots") rows.push(slots(data, (words) => this.#post(words)));
      if (data?.type === "date") rows.push(dateChoice(data, this.#words, (words) => this.#post(words)));
    }
    const chip = (title: string, click: () => void): HTMLElement => h("button", { type: "button", class: "chip", dir: "auto", click }, title);
    const buttons = turn.flatMap((item) => records(item.buttons)).slice(-12);
    const chips = buttons.map((button) => chip(text(button.title, 80), () => this.#post(text(button.title, 80), { title: text(button.title), key: text(button.key) })));
    if (!this.#items.length && this.#settings) chips.push(...this.#settings.topics.map((topic) => chip(topic, () => this.#post(topic))));
    if (chips.length) rows.unshift(h("div", { class: this.#items.length ? "chips line" : "chips" }, ...chips));
    const wanted = rows.filter((row): row is HTMLElement => row !== null);
    tray.replaceChildren(...wanted);
    tray.hidden = !wanted.length;
    if (held) (matchMedia("(pointer: coarse)").matches ? this.#parts.log : this.#parts.composer).focus();
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #submit(event: Event): void {
    event.preventDefault();
    const { composer } = this.#parts;
    const words = composer.value;
    if (!words.trim()) return composer.focus();
    composer.value = "";
    this.#grow();
    this.#post(words);
    composer.focus();
  }

  #enter(event: KeyboardEvent): void {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
  }

  #grow(): void {
    const { composer, count } = this.#parts;
    composer.rows = 1;
    const lines = Math.min(5, Math.max(1, Math.round((composer.scrollHeight - 20) / 22)));
    composer.rows = lines;
    const left = LONGEST - composer.value.length;
    count.textContent = left <= 100 ? this.#fill("left", { count: left }) : "";
  }

  // ── state ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #say(name: keyof Strings | ""): void {
    const { status } = this.#parts;
    status.textContent = name ? this.#fill(name) : "";
    status.dataset.kind = name;
    if (name === "offline" || name === "connecting") status.dataset.lasting = "yes";
    else delete status.dataset.lasting;
  }

  #stateChanged(state: State): void {
    if (state === "lost") {
      this.#wasLost = true;
      this.#typing(false);
      this.#say("offline");
    } else if (state === "open") {
      this.#say(this.#wasLost ? "back" : "");
      this.#wasLost = false;
      setTimeout(() => this.#parts.status.dataset.kind === "back" && this.#say(""), 3000);
    }
    for (const id of this.#pending.keys()) {
      const element = this.#shown.get(id);
      if (element?.matches(".pending")) this.#mark(element, state === "open" ? "sending" : "waiting");
    }
    if (state === "open" && this.#pending.size) this.#typing(true);
  }

  #typing(on: boolean): void {
    const { typing, status } = this.#parts;
    clearTimeout(this.#typingTimer);
    if (typing.hidden === !on) return;
    typing.hidden = !on;
    if (on) {
      this.#typingTimer = window.setTimeout(() => this.#typing(false), 60_000);
      this.#say("typing");
      this.#toEnd();
    } else if (status.dataset.kind === "typing") {
      this.#say("");
    }
  }

  #reading(): boolean {
    return this.open && document.visibilityState === "visible";
  }

  #read = (): void => {
    if (!this.#reading()) return;
    const last = this.#items[this.#items.length - 1];
    if (last && this.#store.kept.token) this.#store.keep({ seen: last.key });
    if (this.#tally) {
      this.#tally = 0;
      this.#badge();
    }
  };

  #badge(): void {
    const label = this.#tally ? this.#fill("launcherUnread", { count: this.#tally }) : this.#words.launcher;
    this.#launcher.setAttribute("aria-label", label);
    this.#launcher.replaceChildren(icon("chat"), h("span", { class: "label" }, this.#words.launcher));
    if (this.#tally) this.#launcher.append(" ", h("span", { class: "badge" }, String(Math.min(this.#tally, 99))));
  }

  #atEnd = true;

  #scrolled(): void {
    const { log, below } = this.#parts;
    this.#atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    if (this.#atEnd) below.hidden = true;
  }

  /** Follow the talk, unless the visitor scrolled up to read. A long answer is shown from its beginning. */
  #toEnd(always = false, first?: HTMLElement): void {
    const { log, below } = this.#parts;
    if (!always && !this.#atEnd) {
      if (first) below.hidden = false;
      return;
    }
    const end = log.scrollHeight - log.clientHeight;
    const start = first ? first.offsetTop - 12 : end;
    log.scrollTop = Math.min(end, first && end > start ? Math.max(start - 56, 0) : end);
    this.#atEnd = true;
    below.hidden = true;
  }

  // ── help, menu ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #showHelp(which: "person" | "emergency" | null): void {
    const { help } = this.#parts;
    const strips = [...this.#dialog.querySelectorAll<HTMLButtonElement>(".strip")];
    const wanted = which && help.dataset.which === which ? null : which;
    const before = help.dataset.which;
    help.dataset.which = wanted ?? "";
    help.hidden = !wanted;
    strips.forEach((strip, index) => strip.setAttribute("aria-expanded", String(wanted === (index ? "emergency" : "person"))));
    if (!wanted) {
      help.replaceChildren();
      if (which === null && before && this.open) strips[before === "emergency" ? 1 : 0]?.focus();
      return;
    }
    const settings = this.#settings;
    const rows: (HTMLElement | null)[] = [h("h3", { tabindex: -1 }, this.#words[wanted === "person" ? "personTitle" : "emergencyTitle"])];
    const call = (label: string, number: string, shape: Icon, style: string): HTMLElement | null => {
      const address = telephone(number);
      if (!address) return null;
      const anchor = link(address, icon(shape), label);
      anchor.className = style;
      return anchor;
    };
    if (wanted === "person") {
      rows.push(h("p", {}, this.#words.personText));
      if (settings) {
        const mail = link(`mailto:${settings.email}`, icon("mail"), this.#fill("personMail"));
        mail.className = "plain";
        rows.push(call(this.#fill("personCall"), settings.phone, "phone", "solid"), mail);
      }
      if (this.#parts.log.isConnected) rows.push(this.#button("personAsk", "chat", () => this.#askForPerson()));
    } else if (settings) {
      rows.push(
        h("p", {}, this.#words.emergencyText),
        call(this.#fill("emergencyCall", { number: settings.emergency.number }), settings.emergency.number, "phone", "solid alarm"),
        h("div", { class: "small" }, body(this.#fill("emergencyUrgent"), this.#phones()), body(this.#fill("emergencyCrisis"), this.#phones())),
      );
    } else {
      rows.push(h("p", {}, this.#words.emergencyFallback));
    }
    rows.push(this.#button("dismiss", null, () => this.#showHelp(null), "quiet"));
    help.replaceChildren(...rows.filter((row): row is HTMLElement => row !== null));
    (rows[0] as HTMLElement).focus();
  }

  #askForPerson(): void {
    this.#showHelp(null);
    this.#post(this.#words.personMessage);
    this.#parts.composer.focus();
  }

  #toggleMenu(): void {
    const { menu } = this.#parts;
    const more = this.shadowRoot?.getElementById("more");
    menu.hidden = !menu.hidden;
    more?.setAttribute("aria-expanded", String(!menu.hidden));
    if (menu.hidden) return more?.focus();
    menu.replaceChildren(this.#button("download", "save", () => this.#download(), "item"), this.#button("delete", "bin", () => this.#confirmDelete(), "item"));
    menu.querySelector("button")?.focus();
  }

  #download(): void {
    this.#toggleMenu();
    const stamp = (at: number): string => new Date(at * 1000).toLocaleString();
    const lines = this.#items.filter((item) => item.text).map((item) => `[${stamp(item.at)}] ${this.#speaker(item.from, item.key)}${text(item.text, 6000)}`);
    saveFile("chat.txt", "text/plain;charset=utf-8", `${this.#fill("transcript")}\n\n${lines.join("\n\n")}\n`);
  }

  #confirmDelete(): void {
    const { menu } = this.#parts;
    const note = h("p", { class: "small", role: "alert" });
    const back = (): void => {
      menu.hidden = false;
      this.#toggleMenu();
    };
    const yes = this.#button(
      "deleteYes",
      "bin",
      async () => {
        yes.disabled = true;
        if (await this.#link?.erase()) this.#ended("gateErased");
        else note.textContent = this.#words.deleteFailed;
        yes.disabled = false;
      },
      "solid alarm",
    );
    const question = h("h3", { tabindex: -1 }, this.#words.deleteTitle);
    menu.replaceChildren(h("div", { class: "confirm" }, question, h("p", {}, this.#words.deleteText), note, h("div", { class: "choices" }, yes, this.#button("deleteNo", null, back))));
    question.focus();
  }
}
