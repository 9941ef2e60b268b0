import { StriaChat } from "./chat";

if (!customElements.get("stria-chat")) customElements.define("stria-chat", StriaChat);
