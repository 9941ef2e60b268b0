// Builds elements. Text only ever becomes text: there is no way from a string to markup in the whole widget.

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | boolean | number | ((event: never) => void) | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

const SHAPES = {
  chat: "M5.5 18.6 4 21.5l3.9-1.2A9 9 0 1 0 5.5 18.6ZM8.5 11h7M8.5 14.2h4.5",
  close: "M6 6l12 12M18 6 6 18",
  down: "M12 5v13M6.5 12.5 12 18l5.5-5.5",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  send: "M12 19V5.5M6 11.5l6-6 6 6",
  person: "M12 12.2a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.8 20c.9-3.4 3.7-5.2 7.2-5.2s6.3 1.8 7.2 5.2",
  alert: "M12 8.5v4.8M12 16.4h.01M10.4 4.4 3 17.4a1.9 1.9 0 0 0 1.6 2.8h14.8a1.9 1.9 0 0 0 1.6-2.8L13.6 4.4a1.9 1.9 0 0 0-3.2 0Z",
  phone: "M6.2 3.8h2.6l1.6 4.2-2 1.5a12.5 12.5 0 0 0 6.1 6.1l1.5-2 4.2 1.6v2.6c0 1.3-1 2.3-2.3 2.2C10.3 19.5 4.5 13.7 4 6.1c0-1.3 1-2.3 2.2-2.3Z",
  mail: "M3.8 6.5h16.4v11.5H3.8ZM4.2 7l7.8 6 7.8-6",
  save: "M12 4v10.5M7.5 10.5 12 15l4.5-4.5M5 19.5h14",
  bin: "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10.2 10.8v5.2M13.8 10.8v5.2",
  leaf: "M5 19c0-8.5 4.5-13.5 14-14 .4 9.8-4 14.5-10.5 14-1.2-.1-2.3-.6-3-1.4M5 20.5c1.5-4.5 4-7.5 8-9.5",
  spark: "M12 4.5v3M12 16.5v3M4.5 12h3M16.5 12h3M6.8 6.8l2 2M15.2 15.2l2 2M6.8 17.2l2-2M15.2 8.8l2-2",
  look: "M2.8 12c2.3-4 5.4-6 9.2-6s6.9 2 9.2 6c-2.3 4-5.4 6-9.2 6s-6.9-2-9.2-6ZM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  lock: "M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  book: "M12 6.5C10 5 7.3 4.5 4 4.8v13.4c3.3-.3 6 .2 8 1.7 2-1.5 4.7-2 8-1.7V4.8c-3.3-.3-6 .2-8 1.7ZM12 6.5v13.4",
  day: "M4.5 6h15v14h-15ZM4.5 10.5h15M8.5 3.8V7.5M15.5 3.8V7.5",
};

export type Icon = keyof typeof SHAPES;

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" })) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** An address that may become a link: http, https, mailto or tel; else null. */
export function safeAddress(address: unknown): string | null {
  if (typeof address !== "string") return null;
  try {
    return /^(https?|mailto|tel):$/.test(new URL(address).protocol) ? address : null;
  } catch {
    return null;
  }
}

export function link(address: string, ...children: Child[]): HTMLAnchorElement {
  const outside = /^https?:/.test(address);
  return h("a", { href: address, rel: outside ? "noopener noreferrer nofollow" : undefined, target: outside ? "_blank" : undefined }, ...children);
}

/** The first telephone number in a text, for a `tel:` link; null when it holds none. */
export function telephone(text: string): string | null {
  const digits = /\+?\d[\d ()-]*/.exec(text)?.[0].replace(/[^\d+]/g, "");
  return digits ? `tel:${digits}` : null;
}

export function saveFile(name: string, type: string, content: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const anchor = h("a", { href: address, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
