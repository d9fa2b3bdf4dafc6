// The page of the demo: draws the state the server sends and posts what a person does. It decides nothing.

const at = (id) => document.getElementById(id);
let state = null;
let drawn = {};

// --- talking to the server ------------------------------------------------------------------------------------------

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (said.error) toast(said.error);
  if (said.modal) openModal(said.modal, body.user);
  return said;
}

function toast(text) {
  const bar = at("toast");
  bar.textContent = text;
  bar.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { bar.hidden = true; }, 6000);
}

let refreshing = false;
let again = false;
async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    state = await (await fetch("/state")).json();
    draw();
  } finally {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }
}

const events = new EventSource("/events");
events.onmessage = refresh;
events.onopen = refresh;
setInterval(refresh, 5000);

// --- small builders -------------------------------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const button = (text, onclick, className = "") => element("button", { type: "button", textContent: text, onclick, className });

// Redraw a part only when what it shows has changed, so that focus and scrolling stay where they are.
function part(name, value, drawIt) {
  const key = JSON.stringify(value);
  if (drawn[name] === key) return;
  drawn[name] = key;
  drawIt(value);
}

function nameOf(id) {
  const person = state.people.find((one) => one.id === id);
  return person ? person.name : "somebody";
}

function roleOf(id) {
  const role = state.roles.find((one) => one.id === id);
  return role ? role.name : "a deleted role";
}

const INLINE = /<@!?(\d+)>|<@&(\d+)>|<#(\d+)>|<t:(\d+)(?::(\w))?>|<\/([^:>]+):\d+>|\[([^\]]+)\]\(([^)\s]+)\)|\*\*([^*]+)\*\*|`([^`]+)`|__([^_]+)__|\*([^*\n]+)\*/g;

function rich(text) {
  const box = document.createDocumentFragment();
  for (const line of (text || "").split("\n")) {
    const heading = line.match(/^(#{1,3}|-#) (.*)/);
    const target = heading ? element(heading[1] === "-#" ? "small" : "b") : element("span");
    inline(heading ? heading[2] : line.replace(/^[-*] /, "• ").replace(/\\([*_`~|<>])/g, "$1"), target);
    box.append(target, "\n");
  }
  box.lastChild?.remove();
  return box;
}

function inline(text, target) {
  let done = 0;
  for (const found of text.matchAll(INLINE)) {
    target.append(text.slice(done, found.index));
    done = found.index + found[0].length;
    const [, user, role, channel, time, style, command, label, url, bold, code, under, slanted] = found;
    if (user) target.append(element("span", { className: "mention", textContent: "@" + nameOf(user) }));
    else if (role) target.append(element("span", { className: "mention", textContent: "@" + roleOf(role) }));
    else if (channel) target.append(element("span", { className: "mention", textContent: "#" + (state.channels[channel] || "channel") }));
    else if (time) target.append(instant(Number(time) * 1000, style));
    else if (command) target.append(element("code", { textContent: "/" + command }));
    else if (url) target.append(element("a", { href: url, textContent: label, target: "_blank", rel: "noopener" }));
    else if (code) target.append(element("code", { textContent: code }));
    else target.append(element(bold ? "b" : under ? "u" : "i", { textContent: bold || under || slanted }));
  }
  target.append(text.slice(done));
}

function instant(ms, style) {
  const days = (ms - Date.parse(state.now)) / 86400000;
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const soon = Math.abs(days) < 1;
  const text = style === "R"
    ? (Math.abs(days) < 1 / 24 ? relative.format(Math.round(days * 1440), "minute") : relative.format(Math.round(soon ? days * 24 : days), soon ? "hour" : "day"))
    : new Date(ms).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  return element("time", { textContent: text, title: new Date(ms).toISOString() });
}

// --- Discord --------------------------------------------------------------------------------------------------------

function drawMessages(messages) {
  const list = at("messages");
  const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.replaceChildren(...messages.map(drawMessage));
  if (bottom || messages.length !== drawMessages.count) list.scrollTop = list.scrollHeight;
  drawMessages.count = messages.length;
}

function drawMessage(message) {
  const made = element("li", { className: "message" },
    message.asked ? element("div", { className: "seen", textContent: message.asked }) : null,
    element("span", { className: "from", textContent: message.from }), " ",
    element("span", { className: "seen", textContent: message.seen }));
  if (message.loading) made.append(element("div", { className: "body seen", textContent: "… is thinking" }));
  if (message.content) made.append(element("div", { className: "body" }, rich(message.content)));
  for (const embed of message.embeds) made.append(drawEmbed(embed));
  for (const component of message.components) made.append(drawComponent(component, message));
  for (const file of message.attachments) made.append(element("div", { className: "seen", textContent: "📎 " + file }));
  return made;
}

function drawEmbed(embed) {
  const box = element("div", { className: "embed" });
  if (embed.title) box.append(element("b", {}, rich(embed.title)), "\n");
  if (embed.description) box.append(rich(embed.description), "\n");
  for (const field of embed.fields || []) box.append(element("b", {}, rich(field.name)), "\n", rich(field.value), "\n");
  if (embed.footer) box.append(element("small", { textContent: embed.footer.text }));
  return box;
}

function drawComponent(component, message) {
  const inside = () => (component.components || []).map((child) => drawComponent(child, message));
  const user = () => message.only_for || at("who").value;
  switch (component.type) {
    case 1: return element("div", { className: "buttons" }, ...inside());
    case 2: return drawButton(component, message, user);
    case 3: return choice(component, component.options.map((o) => [o.value, o.label]), message, user);
    case 5: return choice(component, state.people.map((p) => [p.id, p.name]), message, user);
    case 6: return choice(component, state.roles.map((r) => [r.id, r.name]), message, user);
    case 8: return choice(component, Object.entries(state.channels), message, user);
    case 9: return element("div", {}, ...inside(), component.accessory ? drawComponent(component.accessory, message) : null);
    case 10: return element("div", { className: "body" }, rich(component.content));
    case 14: return element("hr");
    case 17: return element("div", { className: "container" }, ...inside());
    default: return element("span");
  }
}

function drawButton(component, message, user) {
  const label = [component.emoji?.name, component.label].filter(Boolean).join(" ");
  if (component.url) {
    return element("a", { className: "button", href: component.url, textContent: label + " ↗", target: "_blank", rel: "noopener" });
  }
  const press = async (event) => {
    event.target.disabled = true;
    await post("/press", { user: user(), message: message.id, custom_id: component.custom_id });
    event.target.disabled = false;
  };
  const made = button(label, press, "style-" + component.style);
  made.disabled = Boolean(component.disabled);
  return made;
}

function choice(component, pairs, message, user) {
  const made = select([["", component.placeholder || "choose …"], ...pairs]);
  made.multiple = (component.max_values || 1) > 1;
  made.onchange = () => {
    const values = [...made.selectedOptions].map((o) => o.value).filter(Boolean);
    post("/select", { user: user(), message: message.id, custom_id: component.custom_id, values });
  };
  return made;
}

function select(pairs, properties = {}) {
  const made = element("select", properties);
  made.append(...pairs.map(([value, text]) => element("option", { value, textContent: text })));
  return made;
}

// What was shown before, by id, so that a row that has changed can say so.
const known = { members: new Map(), accounts: new Map() };

function changed(list, id, value) {
  const before = known[list].get(id);
  known[list].set(id, value);
  return before !== undefined && before !== value ? " changed" : "";
}

function drawMembers(members) {
  at("members").replaceChildren(...members.map((member) => {
    const verb = member.present ? "leave" : "join";
    const pills = member.roles.map((role) => element("span", { className: "pill managed", textContent: role }));
    const mark = changed("members", member.id, member.roles.join());
    return element("li", { className: (member.present ? "" : "away") + mark }, element("span", { textContent: member.name }), ...pills,
      member.fixed ? null : button(verb, () => post("/guild", { verb, user: member.id }), "quiet"));
  }));
}

function drawRoles(roles) {
  at("roles").replaceChildren(...roles.map((role) => element("li", { className: "row" },
    element("span", { className: "pill" + (role.bot ? " managed" : ""), textContent: role.name }),
    role.bot ? " the bot's own role" : "")));
}

// --- the composer ---------------------------------------------------------------------------------------------------

function drawComposer() {
  part("who", state.people, (people) => {
    const before = at("who").value;
    at("who").replaceChildren(...people.map((p) => element("option", { value: p.id, textContent: p.name })));
    at("who").value = before || people[0]?.id;
    offerCommands();
  });
  part("commands", state.commands, offerCommands);
}

function offerCommands() {
  const box = at("command");
  const before = box.value;
  const creator = state.people.find((p) => p.id === at("who").value)?.creator;
  const seen = state.commands.filter((command) => creator || !command.staff);
  box.replaceChildren(...seen.map((c) => element("option", { value: c.name, textContent: `/${c.name} · ${c.description}` })));
  box.value = seen.some((c) => c.name === before) ? before : (seen.find((c) => c.name === "link") || seen[0])?.name;
  offerOptions();
}

function offerOptions() {
  const command = state.commands.find((one) => one.name === at("command").value);
  at("options").replaceChildren(...(command ? command.options.map(offerOption) : []));
}

const EMPTY = [["", "–"]];

function offerOption(option) {
  const name = option.name + (option.required ? " *" : "");
  let field;
  if (option.choices?.length) field = select([...EMPTY, ...option.choices.map((c) => [c.value, c.name])]);
  else if (option.type === 5) field = select([...EMPTY, ["true", "yes"], ["false", "no"]]);
  else if (option.type === 6) field = select([...EMPTY, ...state.people.map((p) => [p.id, p.name])]);
  else if (option.type === 7) field = select([...EMPTY, ...Object.entries(state.channels)]);
  else if (option.type === 8) field = select([...EMPTY, ...state.roles.map((r) => [r.id, r.name])]);
  else field = element("input", { type: option.type === 4 || option.type === 10 ? "number" : "text" });
  Object.assign(field, { name: option.name, required: option.required, title: option.description });
  if (!option.autocomplete) return element("label", { title: option.description }, name, field);
  const list = element("datalist", { id: "choices-" + option.name });
  field.setAttribute("list", list.id);
  field.oninput = field.onfocus = () => complete(option, field, list);
  return element("label", { title: option.description }, name, field, list);
}

async function complete(option, field, list) {
  const said = await post("/complete", { user: at("who").value, command: at("command").value, option: option.name, values: values() });
  field.choices = said.choices || [];
  list.replaceChildren(...field.choices.map((c) => element("option", { value: c.name })));
}

function values() {
  const given = {};
  for (const field of at("options").querySelectorAll("[name]")) {
    if (field.value === "") continue;
    const chosen = (field.choices || []).find((c) => c.name === field.value);
    given[field.name] = chosen ? chosen.value : field.value;
  }
  return given;
}

at("composer").onsubmit = async (event) => {
  event.preventDefault();
  at("send").disabled = true;
  await post("/command", { user: at("who").value, command: at("command").value, values: values() });
  at("send").disabled = false;
};
at("command").onchange = offerOptions;
at("who").onchange = offerCommands;

function openModal(modal, user) {
  const form = at("modal").querySelector("form");
  const fields = modal.components.flatMap((row) => row.components || [row.component]).map((input) => {
    const box = element("input", { name: input.custom_id, value: input.value || "", placeholder: input.placeholder || "", required: input.required !== false });
    return element("label", { textContent: input.label || input.custom_id }, box);
  });
  form.replaceChildren(element("h2", { textContent: modal.title }), ...fields, element("button", { className: "primary", textContent: "Submit" }));
  form.onsubmit = () => post("/submit", { user, modal: modal.id, values: Object.fromEntries(new FormData(form)) });
  at("modal").showModal();
}

// --- Patreon and the clock ------------------------------------------------------------------------------------------

function drawPatreon(patreon) {
  const weather = select(patreon.weather.choices.map((c) => [c.value, c.text]), { ariaLabel: "how Patreon is today" });
  weather.value = patreon.weather.now;
  weather.onchange = () => post("/weather", { value: weather.value });
  const tick = element("input", { type: "checkbox", checked: patreon.webhooks, onchange: () => post("/webhooks", { on: tick.checked }) });
  const hooks = element("label", { title: "without them the bot sees changes when it reads the campaign" }, tick, " webhooks");
  at("weather").className = patreon.weather.now === "fine" ? "" : "bad";
  at("weather").replaceChildren(weather, hooks);
  at("campaign-name").textContent = patreon.campaign;
  at("accounts").replaceChildren(...patreon.accounts.map(drawAccount));
}

function drawAccount(account) {
  const act = (verb, more = {}) => post("/patreon", { verb, account: account.id, ...more });
  const tiers = select([["", account.pledging ? "change to …" : "pledge …"], ...state.patreon.tiers.map((t) => [t.id, `${t.title} · ${t.price}`])]);
  tiers.onchange = () => act("pledge", { tier: tiers.value });
  const verbs = account.verbs.map((verb) => button(verb, () => act(verb)));
  return element("li", { className: changed("accounts", account.id, account.state) },
    element("b", { textContent: account.name }), " ",
    element("span", { className: "state " + account.mood, textContent: account.state }),
    element("div", { className: "verbs" }, tiers, ...verbs));
}

function drawTimeline(entries) {
  const rows = [];
  let day = "";
  for (const { times, ...entry } of runs(entries)) {
    if (entry.at.slice(0, 10) !== day) {
      day = entry.at.slice(0, 10);
      rows.push(element("li", { className: "day", textContent: new Date(entry.at).toLocaleDateString("en-GB", { dateStyle: "medium", timeZone: "UTC" }) }));
    }
    const kind = entry.kind.includes("role") ? "role" : entry.kind.split(".")[0];
    const text = (entry.kind === "patreon.webhook" ? "webhook " : "") + entry.text.replace(/\/\d{15,}/g, "/…") + (times > 1 ? ` (${times} times)` : "");
    rows.push(element("li", {},
      element("time", { textContent: entry.at.slice(11, 19) }),
      element("span", { className: kind, textContent: text, title: entry.text }),
      entry.why ? element("div", { className: "why", textContent: entry.why, title: "from the audit log" }) : null));
  }
  at("timeline").replaceChildren(...rows);
}

// What happened several times in a row is told once.
function runs(entries) {
  const told = [];
  for (const entry of entries) {
    const last = told.at(-1);
    if (last && last.text === entry.text && last.kind === entry.kind && last.why === entry.why) last.times += 1;
    else told.push({ ...entry, times: 1 });
  }
  return told;
}

at("calls").onchange = () => draw();

for (const mover of document.querySelectorAll("[data-days]")) {
  mover.onclick = () => post("/clock", { days: Number(mover.dataset.days) });
}

function draw() {
  at("now").textContent = new Date(state.now).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  at("guild-name").textContent = state.guild;
  drawComposer();
  part("messages", state.messages, drawMessages);
  part("members", state.members, drawMembers);
  part("roles", state.roles, drawRoles);
  part("patreon", state.patreon, drawPatreon);
  part("timeline", at("calls").checked ? state.calls : state.timeline, drawTimeline);
}
