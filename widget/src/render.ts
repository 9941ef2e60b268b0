// From what the server sends to what is shown. Everything is taken for hostile: unknown shapes are left out, text stays text.
import { h, icon, link, safeAddress, saveFile, telephone } from "./dom";
import { fill, type Strings } from "./strings";

const LONGEST = 6000; // characters of a bubble
const ADDRESSES = /https?:\/\/[^\s<>"'’”)\]]+[^\s<>"'’”)\].,;:!?]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;

export function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter((entry): entry is Record<string, unknown> => !!entry && typeof entry === "object" && !Array.isArray(entry)) : [];
}

export function text(value: unknown, longest = 400): string {
  return typeof value === "string" || typeof value === "number" ? String(value).slice(0, longest) : "";
}

/** Words with their web, mail and known telephone numbers as links. */
function words(line: string, phones: string[]): (Node | string)[] {
  const known = phones.filter((phone) => /\d{2}/.test(phone)).map((phone) => phone.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = known.length ? new RegExp(`${ADDRESSES.source}|(?<!\\d)(?:${known.join("|")})(?!\\d)`, "g") : ADDRESSES;
  const parts: (Node | string)[] = [];
  let at = 0;
  for (const match of line.matchAll(pattern)) {
    const found = match[0];
    const address = found.startsWith("http") ? safeAddress(found) : found.includes("@") ? safeAddress(`mailto:${found}`) : telephone(found);
    if (!address) continue;
    parts.push(line.slice(at, match.index), link(address, found));
    at = match.index + found.length;
  }
  parts.push(line.slice(at));
  return parts.filter((part) => part !== "");
}

/** Paragraphs and lists of a bubble; a line that begins with a dash is a list's. */
export function body(content: string, phones: string[]): DocumentFragment {
  const fragment = document.createDocumentFragment();
  let list: HTMLUListElement | null = null;
  for (const line of content.slice(0, LONGEST).split("\n")) {
    if (!line.trim()) {
      list = null;
    } else if (/^\s*[-•]\s+/.test(line)) {
      list ??= fragment.appendChild(h("ul"));
      list.append(h("li", { dir: "auto" }, ...words(line.replace(/^\s*[-•]\s+/, ""), phones)));
    } else {
      list = null;
      fragment.append(h("p", { dir: "auto" }, ...words(line, phones)));
    }
  }
  return fragment;
}

/** The disclosure under an answer, or null when nothing can be shown. */
export function sources(data: Record<string, unknown>, strings: Strings): HTMLElement | null {
  const rows = records(data.sources).slice(0, 20).flatMap((row) => {
    const title = text(row.title);
    if (!title) return [];
    const address = safeAddress(row.address);
    const grade = { A: strings.gradeA, B: strings.gradeB, C: strings.gradeC, D: strings.gradeD }[text(row.grade)];
    const about = [text(row.publisher), text(row.year), grade].filter(Boolean).join(", ");
    return [h("li", { dir: "auto" }, address ? link(address, title) : title, about ? h("span", { class: "about" }, about) : null)];
  });
  if (!rows.length) return null;
  return h("details", { class: "sources" }, h("summary", {}, icon("book"), fill(strings.sources, { count: rows.length })), h("ul", {}, ...rows));
}

/** A card of the log for a custom payload: a calendar file or facts in rows; null for every other type. */
export function card(data: Record<string, unknown>, strings: Strings): HTMLElement | null {
  const title = text(data.title);
  const rows = records(data.rows).slice(0, 12).flatMap((row) => [h("dt", {}, text(row.label)), h("dd", { dir: "auto" }, text(row.value))]);
  const parts: HTMLElement[] = [];
  if (title) parts.push(h("p", { class: "card-title", dir: "auto" }, title));
  if (text(data.text)) parts.push(h("p", { dir: "auto" }, text(data.text, 1000)));
  if (rows.length) parts.push(h("dl", {}, ...rows));
  if (data.type === "calendar") {
    const file = text(data.ics, 12_000);
    if (!file.startsWith("BEGIN:VCALENDAR")) return null;
    const name = (text(data.filename, 60).replace(/[^\w.-]/g, "") || "appointment").replace(/(\.ics)?$/, ".ics");
    parts.push(h("button", { type: "button", class: "plain", click: () => saveFile(name, "text/calendar", file) }, icon("day"), strings.calendar));
  } else if (data.type === "card") {
    const target = records([data.link])[0];
    const address = safeAddress(target?.href);
    if (address) parts.push(link(address, text(target?.title) || address));
  } else {
    return null;
  }
  return parts.length ? h("div", { class: "card" }, ...parts) : null;
}

/** Times to pick, grouped by day, each a button that says its time; null when there are none. */
export function slots(data: Record<string, unknown>, pick: (words: string) => void): HTMLElement | null {
  const days = new Map<string, HTMLElement[]>();
  for (const slot of records(data.slots).slice(0, 60)) {
    const label = text(slot.label, 80);
    const value = text(slot.value, 120) || label;
    if (!label) continue;
    const day = text(slot.day, 80);
    const button = h("button", { type: "button", class: "slot", "aria-label": day ? `${day}, ${label}` : undefined, click: () => pick(value) }, label);
    days.set(day, [...(days.get(day) ?? []), button]);
  }
  if (!days.size) return null;
  const groups = [...days].map(([day, buttons]) => h("fieldset", {}, day ? h("legend", {}, day) : null, h("div", { class: "times" }, ...buttons)));
  return h("div", { class: "slots" }, ...groups);
}

const ISO = /^\d{4}-\d{2}-\d{2}$/;

/** A native date input. What is picked is said in words that cannot be read as another day: "31 March 2026". */
export function dateChoice(data: Record<string, unknown>, strings: Strings, pick: (words: string) => void): HTMLElement {
  const limit = (name: string): string | undefined => (ISO.test(text(data[name])) ? text(data[name]) : undefined);
  const input = h("input", { type: "date", id: "date", required: true, min: limit("min"), max: limit("max") });
  const submit = (event: Event): void => {
    event.preventDefault();
    const day = input.valueAsDate;
    if (day) pick(new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).format(day));
  };
  return h(
    "form",
    { class: "date", submit },
    h("label", { for: "date" }, text(data.label) || strings.chooseDate),
    h("div", { class: "row" }, input, h("button", { type: "submit", class: "solid" }, strings.choose)),
  );
}
