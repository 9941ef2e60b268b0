// Every word the widget itself says. A page replaces any of them (docs/widget.md); {names} in braces are filled in.

export const STRINGS = {
  launcher: "Ask a question",
  launcherUnread: "Ask a question, {count} new",
  title: "{clinic}",
  subtitle: "Automated assistant",
  close: "Close the chat",
  menu: "More",
  gateTitle: "Before we start",
  gateHello: "I answer questions about microneedling for stretch marks, and help you book a visit.",
  gateAccept: "I understand, start",
  gateDecline: "No, thank you",
  gateMore: "How we handle your data",
  gateEnded: "Your earlier chat has ended. You can begin a new one.",
  gateErased: "Your chat is deleted, here and on our computers.",
  gateLoading: "One moment …",
  gateDown: "The chat cannot be reached just now. Please try again in a minute, or call us.",
  retry: "Try again",
  greeting: "Hello. What would you like to know? Ask in your own words, or pick a topic.",
  log: "Conversation",
  suggestions: "Suggestions",
  composer: "Your message",
  placeholder: "Write your question …",
  send: "Send",
  left: "{count} characters left",
  you: "You",
  assistant: "Assistant",
  typing: "The assistant is writing …",
  connecting: "Connecting …",
  offline: "No connection. What you write is kept and sent as soon as we are back.",
  slow: "This takes longer than usual. Your message has arrived safely with you here; I keep trying.",
  back: "Connected again.",
  waiting: "Waiting to be sent",
  sending: "Sending",
  sent: "Sent",
  newBelow: "New messages",
  sources: "Sources ({count})",
  gradeA: "study or regulator",
  gradeB: "health service or professional body",
  gradeC: "manufacturer",
  gradeD: "a clinic's page",
  person: "Talk to a person",
  personTitle: "Talk to a person",
  personText: "Our team is glad to help. Call or write, or ask here and we will get back to you.",
  personCall: "Call {phone}",
  personMail: "Write to {email}",
  personAsk: "Ask here for a person",
  personMessage: "I would like to talk to a person",
  emergency: "Emergency?",
  emergencyTitle: "In danger now?",
  emergencyText: "This chat cannot call for help. Please call yourself, now:",
  emergencyCall: "Call {number}",
  emergencyFallback: "Call your local emergency number.",
  emergencyUrgent: "Urgent, but nobody is in danger: {urgent}.",
  emergencyCrisis: "Thoughts of harming yourself: {crisis}.",
  dismiss: "Close",
  download: "Save this chat as a file",
  transcript: "Chat with {clinic}",
  delete: "Delete this chat",
  deleteTitle: "Delete this chat?",
  deleteText: "It is deleted in this browser and on our computers. This cannot be undone. A visit that you booked stays booked.",
  deleteYes: "Yes, delete it",
  deleteNo: "Keep it",
  deleteFailed: "It could not be deleted just now, so nothing was deleted. Please try again in a minute.",
  choose: "Choose",
  chooseDate: "Choose a day",
  calendar: "Add to my calendar",
};

export type Strings = typeof STRINGS;

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** `own` over the defaults; whatever is no text is ignored. */
export function merge(...layers: unknown[]): Strings {
  const merged: Record<string, string> = { ...STRINGS };
  for (const layer of layers) {
    if (!layer || typeof layer !== "object") continue;
    for (const [name, value] of Object.entries(layer)) if (name in STRINGS && typeof value === "string") merged[name] = value;
  }
  return merged as Strings;
}
